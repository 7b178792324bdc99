# SPDX-License-Identifier: GPL-2.0-or-later

"""The scripts as C text, so that the program needs none beside it.

scripts.py OUTPUT SCRIPT...
"""

import os
import sys


def literal(line):
    escaped = line.replace("\\", "\\\\").replace('"', '\\"')
    return f'     "{escaped}\\n"'


def main():
    with open(sys.argv[1], "w", encoding="utf-8") as output:
        output.write('#include "reports/plot_private.h"\n\n')
        output.write("const struct plot_script plot_scripts[] = {\n")
        for path in sys.argv[2:]:
            with open(path, encoding="utf-8") as script:
                text = "\n".join(literal(line.rstrip("\n")) for line in script)
            output.write(f'    {{"{os.path.basename(path)}",\n{text}}},\n')
        output.write("};\n\n")
        output.write(
            "const unsigned plot_scripts_nr = sizeof(plot_scripts) / sizeof(plot_scripts[0]);\n"
        )


main()
