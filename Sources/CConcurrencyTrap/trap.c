// The hooks. What a thread is in is kept per thread, so that tests beside a simulation are left alone.

#define _GNU_SOURCE
#include "CConcurrencyTrap.h"

#include <execinfo.h>
#include <stdio.h>
#include <unistd.h>
#include <unwind.h>

#define SWIFT_CALL __attribute__((swiftcall))

typedef SWIFT_CALL void (*enqueue_original)(void *job);
typedef SWIFT_CALL void (*enqueue_with_delay_original)(unsigned long long delay, void *job);
typedef SWIFT_CALL void (*enqueue_with_deadline_original)(long long seconds, long long nanoseconds,
                                                          long long tolerance_seconds,
                                                          long long tolerance_nanoseconds, int clock, void *job);

extern SWIFT_CALL void (*swift_task_enqueueGlobal_hook)(void *job, enqueue_original original);
extern SWIFT_CALL void (*swift_task_enqueueMainExecutor_hook)(void *job, enqueue_original original);
extern SWIFT_CALL void (*swift_task_enqueueGlobalWithDelay_hook)(unsigned long long delay, void *job,
                                                                 enqueue_with_delay_original original);
extern SWIFT_CALL void (*swift_task_enqueueGlobalWithDeadline_hook)(
    long long seconds, long long nanoseconds, long long tolerance_seconds, long long tolerance_nanoseconds, int clock,
    void *job, enqueue_with_deadline_original original);

/* Makes every task, and enqueues it. Named only for its address. */
extern void swift_task_create_common(void);

static _Thread_local meridian_concurrency_scope scope;

/* Whether one of the innermost callers makes a task. */
static int is_new(void) {
  void *frames[8];
  int count = backtrace(frames, 8);
  for (int i = 1; i < count; i++) {
    if (_Unwind_FindEnclosingFunction(frames[i]) == (void *)swift_task_create_common) return 1;
  }
  return 0;
}

/* Without `abort`: the stack has been printed, and a second one by the crash handler takes a second. */
void meridian_concurrency_trap_stop(const char *message) {
  fprintf(stderr, "a job escaped from the simulation: %s\n", message);
  void *frames[64];
  backtrace_symbols_fd(frames, backtrace(frames, 64), 2);
  _exit(134);
}

static SWIFT_CALL void enqueue_global(void *job, enqueue_original original) {
  if (!scope.take) {
    original(job);
  } else if (is_new()) {
    meridian_concurrency_trap_stop("a task without a reactor of the environment");
  } else {
    scope.take(scope.context, job);
  }
}

static SWIFT_CALL void enqueue_main(void *job, enqueue_original original) {
  if (scope.take) meridian_concurrency_trap_stop("the main actor");
  original(job);
}

static SWIFT_CALL void enqueue_with_delay(unsigned long long delay, void *job, enqueue_with_delay_original original) {
  if (scope.take) meridian_concurrency_trap_stop("a sleep without a reactor of the environment");
  original(delay, job);
}

static SWIFT_CALL void enqueue_with_deadline(long long seconds, long long nanoseconds, long long tolerance_seconds,
                                             long long tolerance_nanoseconds, int clock, void *job,
                                             enqueue_with_deadline_original original) {
  if (scope.take) meridian_concurrency_trap_stop("a sleep without a reactor of the environment");
  original(seconds, nanoseconds, tolerance_seconds, tolerance_nanoseconds, clock, job);
}

void meridian_concurrency_trap_install(void) {
  swift_task_enqueueGlobal_hook = enqueue_global;
  swift_task_enqueueMainExecutor_hook = enqueue_main;
  swift_task_enqueueGlobalWithDelay_hook = enqueue_with_delay;
  swift_task_enqueueGlobalWithDeadline_hook = enqueue_with_deadline;
}

meridian_concurrency_scope meridian_concurrency_trap_enter(void *context, meridian_resumed_job take) {
  meridian_concurrency_scope before = scope;
  scope.take = take;
  scope.context = context;
  return before;
}

void meridian_concurrency_trap_leave(meridian_concurrency_scope before) { scope = before; }

void *meridian_concurrency_trap_context(void) { return scope.context; }
