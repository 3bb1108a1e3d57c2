/*
 * The ring of src/shared/ring/ring.ts with room for two entries and indices of 3 bits, so that everything wraps all the time.
 *
 * Each end belongs to one of two threads in turn. A thread leaves its end at any moment, in the middle of a burst too (it is
 * stopped, or it died); its stores have reached memory by then. The other takes the end up at its published index. Entries are
 * numbered in the order they are published.
 *
 * Asserted: every entry taken is the next one; so none is lost, doubled, out of order or read before it was written.
 */
#define TAIL 0
#define HEAD 1
#define ENTRY(index) (2 + (index) % CAPACITY)
#define CAPACITY 2
#define WORDS 4
#define CPUS 4
#define DEPTH 2
#include "tso.pmh"

#define RANGE 8
#define NEXT(index) (((index) + 1) % RANGE)
#ifdef MUTANT_INDEX_NOT_WRAPPED
#define BETWEEN(from, to) ((to) - (from))
#else
#define BETWEEN(from, to) (((to) + RANGE - (from)) % RANGE)
#endif

/* Which of its two threads holds an end. */
byte producing, consuming;
/* Ghost: the number of the next entry to be published, and of the next to be taken for good. */
byte published, taken;
#define NUMBERS 8

proctype Producer(byte me; byte cpu) {
  byte tail, last, headSeen, number;
  short used;
attach:
end:
  producing == me;
#ifdef MUTANT_ATTACH_AT_START
  tail = 0;
#else
  load(tail, TAIL);
#endif
  last = tail;
  load(headSeen, HEAD);
  d_step { number = published };
  do
  :: used = BETWEEN(headSeen, tail);
     if
     :: CAPACITY - used < 1 -> load(headSeen, HEAD)
     :: else
     fi;
     used = BETWEEN(headSeen, tail);
     if
#ifdef MUTANT_ROOM_FOR_ONE_MORE
     :: CAPACITY + 1 - used < 1 -> used = 0
#else
     :: CAPACITY - used < 1 -> used = 0
#endif
     :: else ->
        used = 0;
#ifdef MUTANT_PUBLISHED_BEFORE_WRITTEN
        d_step { buffer[cpu].used == 0 -> memory[TAIL] = NEXT(tail); published = (number + 1) % NUMBERS }
        plain(ENTRY(tail), number);
        last = NEXT(tail);
#else
        plain(ENTRY(tail), number);
#endif
        d_step { tail = NEXT(tail); number = (number + 1) % NUMBERS }
     fi
  :: tail != last ->
     d_step { buffer[cpu].used == 0 -> memory[TAIL] = tail; published = number; last = tail }
  :: buffer[cpu].used == 0 -> break
  od;
  tail = 0;
  d_step {
    last = 0;
    headSeen = 0;
    number = 0;
    producing = 1 - me
  }
  goto attach
}

proctype Consumer(byte me; byte cpu) {
  byte head, tailSeen, n, entry, number, most;
attach:
end:
  consuming == me;
#ifdef MUTANT_ATTACH_AT_START
  head = 0;
#else
  load(head, HEAD);
#endif
  tailSeen = head;
  do
  :: if
     :: most = 1
     :: most = 2
     fi;
     n = BETWEEN(head, tailSeen);
     if
     :: n < most ->
        load(tailSeen, TAIL);
        n = BETWEEN(head, tailSeen)
     :: else
     fi;
     d_step {
       if
       :: n > most -> n = most
       :: else
       fi;
       most = 0;
       number = taken
     }
#ifdef MUTANT_ROOM_GIVEN_BEFORE_READ
     store(HEAD, (head + n) % RANGE);
#endif
     do
     :: n > 0 ->
        load(entry, ENTRY(head));
        assert(entry == number);
        d_step { entry = 0; head = NEXT(head); number = (number + 1) % NUMBERS; n-- }
     :: n == 0 ->
        d_step { memory[HEAD] = head; taken = number }
        break
     :: goto leave
     od
  :: break
  od;
leave:
  head = 0;
  d_step {
    tailSeen = 0;
    n = 0;
    number = 0;
    consuming = 1 - me
  }
  goto attach
}

init {
  atomic {
    /* What the ring held before it was a ring. */
    memory[ENTRY(0)] = NUMBERS;
    memory[ENTRY(1)] = NUMBERS;
    run Producer(0, 0);
    run Producer(1, 1);
    run Consumer(0, 2);
    run Consumer(1, 3);
    run Drain(0);
    run Drain(1)
  }
}
