// Hooks of the Swift concurrency runtime: it calls them, if they are set, with each job that it is about to put on the
// global or the main executor. They use Swift's calling convention, which only C can name; and a symbol that is linked
// against is there in static binaries, too, where looking it up by name fails.
//
// In a simulation two kinds of jobs arrive here. A task that a continuation resumes always does, on its way back to its
// actor: it is handed to the simulation, which runs it as an event. A new task without an executor is an escape:
// the process stops, with the stack. Sleeps and the main actor's jobs pass by these hooks in Swift 6.3 (the hooks are set
// all the same); those tasks are stopped when they come back.
// Source: swift, stdlib/public/Concurrency/{GlobalExecutor,Task}.cpp; Docs/Decisions/0006.

#ifndef MERIDIAN_CONCURRENCY_TRAP_H
#define MERIDIAN_CONCURRENCY_TRAP_H

/// Given a task that goes on.
typedef void (*meridian_resumed_job)(void *context, void *job);

/// Sets the hooks of the process. Threads that have not entered a simulation go on as before. May be called again.
void meridian_concurrency_trap_install(void);

/// What a thread is in: set by enter, put back by leave.
typedef struct {
  meridian_resumed_job take;
  void *context;
} meridian_concurrency_scope;

/// From here on the calling thread is in a simulation. Returns what it was in before.
meridian_concurrency_scope meridian_concurrency_trap_enter(void *context, meridian_resumed_job take);
void meridian_concurrency_trap_leave(meridian_concurrency_scope before);

/// Says what happened, prints the stack and ends the process.
_Noreturn void meridian_concurrency_trap_stop(const char *message);

/// The context with which this thread entered; null outside of simulations.
void *meridian_concurrency_trap_context(void);

#endif
