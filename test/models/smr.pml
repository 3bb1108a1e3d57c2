/*
 * Safe memory reclamation: readers that announce, sleep and wake, and main that replaces an object, retires the old one
 * and frees it after its grace period, for ever. Up to two objects wait at once.
 *
 * Asserted: no reader uses a freed object. With -DNP, non-progress cycles: what waits is freed, whatever sleeps.
 * The publishing store is a plain one here: the weaker case, in which only the epoch's store fences the unlink.
 */
#ifndef READERS
#define READERS 2
#endif
#define CPUS (READERS + 1)
#define MAIN READERS
#define POINTER (1 + READERS)
#define WORDS (2 + READERS)
#define DEPTH 2
#include "tso.pmh"
#include "smr.pmh"

#define OBJECTS 3
#ifndef WAITING
#define WAITING 2
#endif

/* Ghost: which objects are allocated. */
bool alive[OBJECTS];

/* A protected object is dereferenced some time after its pointer was loaded. */
inline use() {
  d_step { assert(alive[held]); held = 0 }
}

proctype Reader(byte cpu) {
  byte last, seen, held;
  online();
  do
  ::
#ifndef MUTANT_NO_ANNOUNCE
     announce();
#endif
#ifdef MUTANT_ANNOUNCE_BEFORE_USE
     load(held, POINTER);
     announce();
     use()
#else
     load(held, POINTER);
     use()
#endif
  :: offline();
     if
     :: true
     :: true ->
end:    false /* it sleeps for good */
     fi;
#ifdef MUTANT_POINTER_BEFORE_ONLINE
     load(held, POINTER);
     online();
     use()
#else
     online()
#endif
  od
}

proctype Main() {
  byte cpu = MAIN, reader, seen, current, fresh, target, waiting;
  byte object[WAITING], due[WAITING];
  bool quiet;
  do
  :: waiting < WAITING ->
     d_step {
       fresh = 0;
       do
       :: alive[fresh] -> fresh++
       :: else -> break
       od;
       alive[fresh] = true
     }
     plain(POINTER, fresh);
#ifdef MUTANT_FREED_EARLY
     target = memory[EPOCH];
     advance(seen);
     seen = 0;
#else
     advance(target);
#endif
     d_step {
       object[waiting] = current;
       due[waiting] = target;
       waiting++;
       current = fresh;
       fresh = 0;
       target = 0
     }
  :: waiting > 0 ->
     passed(due[0]);
     if
     :: quiet ->
progress:
        quiet = false;
        d_step {
          alive[object[0]] = false;
#if WAITING == 2
          object[0] = object[1];
          due[0] = due[1];
#endif
          object[WAITING - 1] = 0;
          due[WAITING - 1] = 0;
          waiting--
        }
     :: else
     fi
  od
}

init {
  atomic {
    alive[0] = true;
    memory[EPOCH] = 1;
    run Reader(0);
#if READERS == 2
    run Reader(1);
#endif
    run Main();
    run Drain(MAIN);
#ifdef MUTANT_ONLINE_NOT_FENCED
    run Drain(0);
#if READERS == 2
    run Drain(1);
#endif
#endif
  }
}
