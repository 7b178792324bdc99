# SPDX-License-Identifier: GPL-2.0-or-later

"""A style sheet as C text, without its comments, so that the program needs none beside it.

page_css.py STYLE OUTPUT
"""

import re
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as style:
        text = re.sub(r"/\*.*?\*/", "", style.read(), flags=re.DOTALL)
    lines = [line.strip() for line in text.splitlines()]
    with open(sys.argv[2], "w", encoding="utf-8") as output:
        output.write('#include "reports/page_private.h"\n\nconst char page_css[] =\n')
        for line in filter(None, lines):
            escaped = line.replace("\\", "\\\\").replace('"', '\\"')
            output.write(f'    "{escaped}\\n"\n')
        output.write("    ;\n")


main()
