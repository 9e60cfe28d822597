// Unpacks Chromium, its fonts and the libraries that a bare machine lacks into $TMPDIR, where the package puts them.
import { inflate } from "@sparticuz/chromium";

for (const part of ["chromium.br", "fonts.tar.br", "al2023.tar.br"]) {
  await inflate(`node_modules/@sparticuz/chromium/bin/${part}`);
}
