"""What can be asked of a space and told to it. From each operation come a route of the JSON API and a command's answer."""
