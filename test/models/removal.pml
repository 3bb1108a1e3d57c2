/*
 * A port leaves a bridge and joins it again, for ever: setPorts() of src/main/control/veb.ts, against a worker that learns on
 * the port and one that looks addresses up (src/workers/ether/veb-input.ts). Learning here is two steps, the lock and the entry with its
 * release; how an entry is written is etherbridge.pml's matter. A port number is one bit of the entry, its generation the rest.
 *
 * Asserted: when a removal has ended, no entry names the port, and none does until it joins again; a look-up that begins after
 * the generation was cleared does not lead to the port; none leads to a later membership than the one it was learned in; main
 * does not wait for ever (-DNP).
 */
#define READERS 2
#define MAIN READERS
#define LEARNER 0
#define CPUS 3
#define BRIDGE 3
#define GENERATION 4
#define LOCK(key) (5 + (key))
#define ENTRY(key) (5 + KEYS + (key))
#define WORDS (5 + 2 * KEYS)
#define DEPTH 2
#ifndef KEYS
#define KEYS 2
#endif
#include "tso.pmh"
#include "smr.pmh"

/* Generations of memberships go 1, 2 ... 7, 1 ...; 0 is no member. As many as epochs: then they go together, and the states are fewer. */
#define GENERATIONS (RANGE - 1)

/* Ghost: the removal has ended, the generation is cleared, and which membership it is or was. */
bool removed, cleared;
byte membership;

/* A burst from the port: if it belongs to a bridge, its sources are learned. */
inline receive() {
  load(value, BRIDGE);
  if
  :: value != 0 ->
#ifdef MUTANT_GENERATION_KEPT
     if
     :: kept == 0 -> load(kept, GENERATION)
     :: else
     fi;
     generation = kept;
#else
     load(generation, GENERATION);
#endif
     if
     :: generation != 0 -> learn()
     :: else
     fi
  :: else
  fi
}

inline learn() {
  exchange(done, LOCK(key), 0, 1 + cpu);
  if
  :: done ->
     d_step {
       memory[ENTRY(key)] = generation;
       assert(!removed && generation == membership)
     }
     store(LOCK(key), 0)
  :: else
  fi
}

/* A burst from elsewhere: a destination is looked up, and sent to the port if that is where it is. */
inline forward() {
  late = (cleared -> membership : 0);
  load(value, ENTRY(key));
  if
  :: value != 0 ->
#ifdef MUTANT_GENERATION_NOT_CHECKED
     generation = value;
#else
     load(generation, GENERATION);
#endif
     if
     :: generation == value ->
        d_step { assert(value != late && value == membership); late = 0 }
        assert(!removed && value == membership) /* the frame leaves, at the end of the burst */
     :: else
     fi
  :: else
  fi
}

proctype Worker(byte cpu) {
  byte last, seen, key, value, generation, late;
  bool done;
#ifdef MUTANT_GENERATION_KEPT
  byte kept;
#endif
  online();
  do
  :: announce();
     if
     :: key = 0
     :: key = KEYS - 1
     fi;
     if
     :: cpu == LEARNER -> receive()
     :: else -> forward()
     fi;
     key = 0;
     d_step { value = 0; generation = 0; done = false; late = 0 }
  :: offline();
     if
     :: true
     :: true ->
end:    false /* it sleeps for good */
     fi;
     online()
  od
}

inline purge() {
  do
  :: key < KEYS ->
     load(seen, ENTRY(key));
     if
     :: seen == 0 -> key++
     :: else ->
        exchange(quiet, LOCK(key), 0, 1 + cpu);
        if
        :: quiet ->
           store(ENTRY(key), 0);
           store(LOCK(key), 0);
           key++
        :: else
        fi
     fi
  :: else -> break
  od;
  key = 0;
  d_step { seen = 0; quiet = false }
}

proctype Main() {
  byte cpu = MAIN, reader, seen, target, key, generation;
  bool quiet;
  do
  :: d_step {
       generation = generation % GENERATIONS + 1;
       membership = generation;
       removed = false;
       cleared = false
     }
     plain(GENERATION, generation);
     store(BRIDGE, 1);

     store(BRIDGE, 0);
#ifndef MUTANT_GENERATION_NOT_CLEARED
     store(GENERATION, 0);
#endif
     cleared = true;
#ifdef MUTANT_PURGED_BEFORE_GRACE
     purge();
#endif
#ifndef MUTANT_NO_GRACE
     advance(target);
     do
     :: passed(target);
        if
        :: quiet -> break
        :: else
        fi
     od;
     target = 0;
     quiet = false;
#endif
#ifndef MUTANT_PURGED_BEFORE_GRACE
     purge();
#endif
progress:
     removed = true;
     assert(memory[ENTRY(0)] == 0 && memory[ENTRY(KEYS - 1)] == 0)
  od
}

init {
  atomic {
    removed = true;
    cleared = true;
    memory[EPOCH] = 1;
    run Worker(0);
    run Worker(1);
    run Main();
    run Drain(MAIN);
#ifdef MUTANT_ONLINE_NOT_FENCED
    run Drain(0);
    run Drain(1)
#endif
  }
}
