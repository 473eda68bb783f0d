#include "CKernelClock.h"

#include <string.h>
#include <sys/timex.h>

int32_t meridian_kernel_clock(int32_t *status, int64_t *maximum_error) {
  struct timex time;
  memset(&time, 0, sizeof time);
  int state = ntp_adjtime(&time);
  *status = time.status;
  *maximum_error = time.maxerror;
  return state;
}
