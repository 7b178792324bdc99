# SPDX-License-Identifier: GPL-2.0-or-later

if (!exists("plots")) plots = "reports/plots/"
load plots . "curves.gp"
