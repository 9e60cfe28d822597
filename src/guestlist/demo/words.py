"""Names, places and goods of the imaginary shop. Data only."""

from typing import NamedTuple


class Land(NamedTuple):
    """How people of one country are written: `spellings` are what a country cell may say."""

    code: str
    share: int
    locale: str
    spellings: tuple[str, ...]
    women: tuple[str, ...]
    men: tuple[str, ...]
    last: tuple[str, ...]
    places: tuple[tuple[str, str, str], ...]  # city, state, postal code


LANDS = (
    Land(
        "DE",
        32,
        "de-DE",
        ("DE", "Germany", "Deutschland", "de", "DEU"),
        ("Jana", "Käthe", "Birgit", "Zoë", "Aylin", "Anna-Lena", "Ute", "Mareike", "Heike", "Sükran"),
        ("Jörg", "Müslüm", "Hans-Peter", "Björn", "Uwe", "Günter", "Emre", "Lukas", "Sören", "Tobias"),
        ("Müller", "Groß", "Weiß", "Schröder", "von der Heide", "Yıldız", "Kühn", "Lehmann-Böhm", "Jäger", "Öztürk"),
        (
            ("München", "Bayern", "80331"),
            ("Köln", "NRW", "50667"),
            ("Görlitz", "Sachsen", "02826"),
            ("Kiel", "", "24103"),
        ),
    ),
    Land(
        "FR",
        15,
        "fr-FR",
        ("FR", "France", "fr", "FRA"),
        ("Chloé", "Élodie", "Anaïs", "Maëlle", "Françoise", "Inès", "Agnès", "Lou"),
        ("José-Luis", "André", "Loïc", "Jérôme", "Noël", "Émile", "Benoît", "Yann"),
        ("Lefèvre", "Dupont", "D'Estaing", "Moreau", "Gonçalves", "Bérenger", "L'Hôpital", "Petit"),
        (("Saint-Étienne", "", "42000"), ("Bourg-en-Bresse", "Ain", "01000"), ("Nîmes", "", "30000")),
    ),
    Land(
        "ES",
        12,
        "es-ES",
        ("ES", "España", "Spain", "es"),
        ("María José", "Sofía", "Begoña", "Lucía", "Íñiga", "Núria", "Ángela"),
        ("José", "Íñigo", "Ángel", "Jesús", "Óscar", "Raúl", "Xoán"),
        ("García", "Núñez", "López de Haro", "Muñoz", "Ibáñez", "Peña", "Ybarra"),
        (("A Coruña", "Galicia", "15001"), ("Alcalá de Henares", "Madrid", "28801"), ("Cádiz", "", "11001")),
    ),
    Land(
        "IT",
        10,
        "it-IT",
        ("IT", "Italia", "Italy", "it"),
        ("Niccolina", "Chiara", "Giulia", "Desirée", "Sofia", "Zita"),
        ("Niccolò", "Gio'", "Matteo", "Ettore", "Andrea", "Ugo"),
        ("Rossi", "D'Amico", "Bianchi", "Dell'Orto", "Costa", "Lo Presti"),
        (("Forlì", "", "47121"), ("Roma", "Lazio", "00184"), ("L'Aquila", "", "67100")),
    ),
    Land(
        "US",
        12,
        "en-US",
        ("US", "USA", "United States", "U.S.A.", "us"),
        ("Mary", "Renée", "Latoya", "Grace", "Mia", "Jo Ann"),
        ("John", "DeShawn", "Tom", "Noah", "J.R.", "Héctor"),
        ("Smith", "O'Brien", "Nguyen", "Peña", "Walker Jr.", "Kowalski"),
        (("St. Louis", "Missouri", "63101"), ("San José", "CA", "95112"), ("Boston", "MA", "02108")),
    ),
    Land(
        "GB",
        9,
        "en-GB",
        ("GB", "UK", "United Kingdom", "England", "gb"),
        ("Siân", "Zoë", "Grace", "Aoife", "Priya", "Olwen"),
        ("Liam", "Rhys", "Mohammed", "Tom", "Hugh", "Séamus"),
        ("Hughes", "Smith-Jones", "O'Neill", "Patel", "Llewellyn", "MacDonald"),
        (("London", "", "SW1A 1AA"), ("St Andrews", "Fife", "KY16 9AJ"), ("Cardiff", "Wales", "cf10 1bh")),
    ),
    Land(
        "MX",
        4,
        "es-MX",
        ("MX", "México", "Mexico", "mx"),
        ("Guadalupe", "Ximena", "Itzel", "Ángeles"),
        ("Jesús", "Cuauhtémoc", "Raúl", "Iñaki"),
        ("Hernández", "Peña", "Zúñiga", "Nuño"),
        (("Mérida", "Yucatán", "97000"), ("León", "Gto.", "37000")),
    ),
    Land(
        "PL",
        2,
        "pl-PL",
        ("PL", "Polska", "Poland"),
        ("Małgorzata", "Żaneta", "Zofia"),
        ("Łukasz", "Michał", "Stanisław"),
        ("Wójcik", "Źrebiec", "Śliwa"),
        (("Łódź", "", "90-001"),),
    ),
    Land(
        "GR",
        1,
        "el-GR",
        ("GR", "Ελλάδα", "Greece"),
        ("Ελένη", "Σοφία"),
        ("Γιώργος", "Νίκος"),
        ("Παπαδόπουλος", "Ιωάννου"),
        (("Αθήνα", "", "10431"),),
    ),
    Land(
        "UA",
        1,
        "uk-UA",
        ("UA", "Україна", "Ukraine"),
        ("Олена", "Їванна"),
        ("Сергій", "Тарас"),
        ("Шевченко", "Ґалаґан"),
        (("Київ", "", "01001"),),
    ),
    Land(
        "JP",
        1,
        "ja-JP",
        ("JP", "日本", "Japan"),
        ("さくら", "美咲"),
        ("健二", "ケン"),
        ("田中", "山本"),
        (("大阪市", "", "530-0001"),),
    ),
    Land(
        "KR",
        1,
        "ko-KR",
        ("KR", "대한민국", "South Korea"),
        ("지은", "수진"),
        ("민준", "정"),
        ("김", "이"),
        (("서울", "", "04524"),),
    ),
)

GOODS = (
    ("p-101", "Regenjacke „Möwe“", 8990, "EUR"),
    ("p-102", "Ciré breton", 11900, "EUR"),
    ("p-103", "Chaussettes à rayures", 990, "EUR"),
    ("p-104", "Jersey de algodón", 4990, "EUR"),
    ("p-105", "Zapatillas niño", 3450, "EUR"),
    ("p-106", "Borraccia 0,5 l", 1890, "EUR"),
    ("p-107", "Tazza da caffè", 1290, "EUR"),
    ("p-108", "Wool hat", 2400, "EUR"),
    ("p-109", "Rucksack 20 l", 6990, "EUR"),
    ("p-110", "Wanderschuh Größe 42", 12990, "EUR"),
    ("p-111", "Ημερολόγιο 2027", 1550, "EUR"),
    ("p-112", "風呂敷", 2200, "EUR"),
)

UNUSABLE_EMAILS = ("keine", "anna(at)example.org", "n/a", "-", "siehe Notiz", "@", "kunde@", "x y@example.org")
UNUSABLE_PHONES = ("+0000000000", "unbekannt", "000", "-", "", "TBA", "0")
NOTES = ("", "", "", "VIP", "ruft zurück", "«à rappeler»", "no llamar; solo correo", 'says "maybe"', "☎ am", "引越し")
