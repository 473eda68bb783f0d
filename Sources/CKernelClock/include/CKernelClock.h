// What the kernel says of its clock (`ntp_adjtime`), which Swift's module of the C library leaves out.

#pragma once

#include <stdint.h>

/// The clock's state, or -1; its status bits, and its largest error in microseconds.
int32_t meridian_kernel_clock(int32_t *status, int64_t *maximum_error);
