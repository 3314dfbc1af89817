/*
 * plot_impl - what the files of plot share
 */
#ifndef REPORT_PLOT_IMPL_H
#define REPORT_PLOT_IMPL_H

#include "report/plot.h"

struct days;

size_t plot_rows(const struct digest *digest); /* of PLOT_PROVIDERS */
int64_t plot_failed(const struct days *days, const struct figure_lines *lines, size_t day);
int64_t plot_value(const struct days *days, const struct figure_lines *lines,
    const char *name, size_t day);

#endif
