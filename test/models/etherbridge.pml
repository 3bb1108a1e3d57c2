/*
 * The learning table of src/shared/table/etherbridge.ts: BUCKETS buckets of one slot, two keys that both belong to the first
 * bucket, WRITERS writers that learn, move and remove them for ever, and one look-up after another of the first key. (Look-ups
 * write nothing, so one at a time is as good as many.) A VALUE here says whose it is.
 *
 * The two keys share LO, and HI of the first is 0, as in a slot that is empty or half written: no pair is worse. With -DAPART
 * they have nothing in common.
 * Not in here: SEEN and ageing, COUNT, statics.
 *
 * Asserted: a look-up returns a value of its own key or none; no key is in the table twice; PASSED is right. With -DSTAYS the
 * first key is in the table from the beginning, moves about and is not removed: no look-up misses it.
 *
 * A slot may be emptied and filled again between two loads of a look-up. So each newcomer of a bucket has a number, 1 to
 * RANGE, which is part of its VALUE. While a look-up runs, less than RANGE newcomers come.
 *
 * How a look-up makes sure that VALUE belongs to the key it found:
 *   -DCHECK=0  it does not
 *   -DCHECK=1  key, VALUE, key
 *   -DCHECK=2  key, VALUE, key, VALUE: twice the same; no numbers
 *   -DCHECK=3  key, VALUE, key, VALUE: twice the same, number included
 *   -DCHECK=4  key, VALUE, key, VALUE: twice the same number
 *   -DCHECK=5  key, version, VALUE, key, version: a version of the bucket that moves before each insertion
 *   -DCHECK=6  the same with one that moves before each insertion and each removal
 */
#ifndef CHECK
#define CHECK 4
#endif
#define BUCKET 6
#define LOCK(b) ((b) * BUCKET)
#define PASSED(b) ((b) * BUCKET + 1)
#define USES(b) ((b) * BUCKET + 2)
#define LO(b) ((b) * BUCKET + 3)
#define HI(b) ((b) * BUCKET + 4)
#define VALUE(b) ((b) * BUCKET + 5)
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef BUCKETS
#define BUCKETS 2
#endif
#define WORDS (BUCKETS * BUCKET)
#define CPUS 3
#define DEPTH 5
#include "tso.pmh"

/* No bucket. */
#define NONE 7
#ifdef APART
#define LOW(key) (1 + (key))
#define HIGH(key) (1 + (key))
#else
#define LOW(key) 1
#define HIGH(key) (key)
#endif
/* A value: port, 1 or 2 | key << 2 | occupant << 3. */
#define FREE 0
#define VALUE_OF(key, port, use) ((port) + ((key) << 2) + ((use) << 3))
#define KEY_OF(value) (((value) >> 2) & 1)
#define USE_OF(value) ((value) >> 3)
/* Newcomers while a look-up runs, beside one that was already on its way. */
#define LIMIT (4 - BUCKETS)
#if CHECK == 6
#define RANGE 10
#else
#define RANGE (2 + LIMIT)
#endif

/* The number after another. 0 is in VALUE where nobody is. */
#ifdef MUTANT_NUMBER_ZERO
#define NEXT(number) (((number) + 1) % RANGE)
#else
#define NEXT(number) ((number) % RANGE + 1)
#endif

/* Ghost: a look-up runs, and how many newcomers came since it began. */
bool looking;
byte newcomers;

inline tryLock(b) {
#ifdef MUTANT_NO_LOCK
  done = true
#else
  exchange(done, LOCK(b), 0, 1 + cpu)
#endif
}

/*
 * What a writer loads under its locks, and the plain stores it makes in a row, are one step: others can neither change the
 * one nor see the other before it leaves the buffer.
 */

/* enter(): learns or moves `key`. */
inline learn() {
  slot = NONE;
  found = NONE;
  do
  :: d_step {
       hops++;
       loadStep(value, VALUE(b));
       loadStep(word, HI(b)); /* enough to tell the keys apart: under the locks an occupied slot is whole */
       if
       :: value == FREE && slot == NONE -> slot = b
       :: value != FREE && word == HIGH(key) -> found = b
       :: else
       fi;
       loadStep(word, PASSED(b));
       done = (found != NONE || (word == 0 && slot != NONE) || hops == BUCKETS);
       word = 0
     }
     if
     :: done -> break
     :: else -> b++
     fi;
     tryLock(b);
     if
     :: !done -> slot = NONE; break
     :: else
     fi
  od;
  b = 0;
  if
  :: found != NONE ->
     if
     :: (value & 3) != port -> move()
     :: else
     fi
  :: found == NONE && slot != NONE -> insert()
  :: else
  fi
}

/* A station that moves is one store of VALUE. */
inline move() {
#ifdef MUTANT_MOVE_IN_TWO_STEPS
  store(VALUE(found), FREE);
#endif
  store(VALUE(found), VALUE_OF(key, port, USE_OF(value)))
}

inline insert() {
  d_step {
    !(looking && newcomers == LIMIT) ->
    assert(memory[VALUE(BUCKETS - 1 - slot)] == FREE || KEY_OF(memory[VALUE(BUCKETS - 1 - slot)]) != key);
    if
    :: looking -> newcomers++
    :: else
    fi;
    value = 0;
#if CHECK >= 3 && !defined(MUTANT_NOT_NUMBERED)
    loadStep(word, USES(slot));
    word = NEXT(word);
    plainStep(USES(slot), word);
#if CHECK <= 4
    value = word;
#endif
#endif
  }
#ifdef MUTANT_VALUE_BEFORE_KEY
  store(VALUE(slot), VALUE_OF(key, port, value));
#endif
  d_step {
    plainStep(LO(slot), LOW(key));
    plainStep(HI(slot), HIGH(key));
    if
    :: slot == 1 ->
       loadStep(word, PASSED(0));
       plainStep(PASSED(0), word + 1)
    :: else
    fi;
    word = 0
  }
  store(VALUE(slot), VALUE_OF(key, port, value))
}

/* removeEntry() of the entry in bucket `slot`, if `key` is there. */
inline remove() {
  hops = 1;
  if
  :: slot == 1 ->
     tryLock(1);
     if
     :: done -> hops = 2
     :: else
     fi
  :: else
  fi;
  d_step {
    loadStep(value, VALUE(slot));
    loadStep(word, HI(slot));
    done = (hops == slot + 1 && value != FREE && word == HIGH(key));
    value = 0;
    word = 0
  }
  if
  :: done ->
#if CHECK == 6
     d_step {
       loadStep(word, USES(slot));
       plainStep(USES(slot), NEXT(word))
     }
#endif
#ifdef MUTANT_KEY_CLEARED_BEFORE_VALUE
     d_step {
       plainStep(LO(slot), 0);
       plainStep(HI(slot), 0)
     }
#endif
     store(VALUE(slot), FREE);
     d_step {
#ifndef MUTANT_KEY_CLEARED_BEFORE_VALUE
       plainStep(LO(slot), 0);
       plainStep(HI(slot), 0);
#endif
       if
       :: slot == 1 ->
          loadStep(word, PASSED(0));
          plainStep(PASSED(0), word - 1)
       :: else
       fi
     }
  :: else
  fi
}

proctype Writer(byte cpu) {
  byte b, slot, found, value, word, hops, key, port;
  bool done;
  do
  :: atomic {
       if
       :: key = 0
       :: key = 1
       fi;
       if
       :: port = 1
#ifdef STAYS
       :: port = 2
#endif
#if BUCKETS == 2
#ifdef STAYS
       :: key == 1
       :: key == 1 -> slot = 1
#else
       :: true
       :: slot = 1
#endif
#elif !defined(STAYS)
       :: true
#endif
       fi;
       tryLock(0);
       if
       :: !done -> d_step { key = 0; port = 0; slot = 0 }
       :: else
       fi
     }
     if
     :: done ->
        if
        :: port > 0 -> learn()
        :: else -> remove()
        fi;
#if BUCKETS == 2
        d_step {
          buffer[cpu].used == 0 -> assert(memory[PASSED(0)] == (memory[VALUE(1)] != FREE))
        }
#endif
        store(LOCK(0), 0);
        if
        :: hops == 2 -> store(LOCK(1), 0)
        :: else
        fi;
        key = 0;
        d_step { port = 0; slot = 0; found = 0; value = 0; word = 0; hops = 0; done = 0; b = 0 }
     :: else
     fi
  od
}

#ifndef NO_READER
/* Whether a word of bucket `b` is what it has to be; else it is not this one. */
inline same(a, wanted) {
  d_step {
    loadStep(word, a);
    differs = (word != (wanted));
    word = 0
  }
  if
  :: differs -> goto next
  :: else
  fi
}

/* lookup(): of the first key, whose halves are everywhere. */
proctype Reader(byte cpu) {
  byte b, word, value, version;
  bool differs;
#ifdef MUTANT_MISMATCH_IS_A_MISS
  bool matched;
#endif
look:
  looking = true;
  do
  :: same(LO(b), LOW(0));
     same(HI(b), HIGH(0));
#ifdef MUTANT_MISMATCH_IS_A_MISS
     matched = true;
#endif
#if CHECK >= 5
     load(version, USES(b));
#endif
     load(value, VALUE(b));
#if CHECK >= 1
     same(LO(b), LOW(0));
     same(HI(b), HIGH(0));
#endif
#if CHECK == 2 || CHECK == 3
     same(VALUE(b), value);
#elif CHECK == 4
     d_step {
       loadStep(word, VALUE(b));
       differs = (USE_OF(word) != USE_OF(value));
       word = 0
     }
     if
     :: differs -> goto next
     :: else
     fi;
#elif CHECK >= 5
     same(USES(b), version);
#endif
     if
     :: value == FREE -> goto next
     :: else ->
        assert(KEY_OF(value) == 0);
        goto ended
     fi;
next:
#ifdef MUTANT_MISMATCH_IS_A_MISS
     if
     :: matched -> matched = false; goto missed
     :: else
     fi;
#endif
     value = 0;
     version = 0;
     d_step { loadStep(word, PASSED(b)); differs = (word == 0); word = 0 }
     if
     :: differs || b == BUCKETS - 1 -> break
     :: else -> b++
     fi
  od;
missed:
#ifdef STAYS
  assert(false);
#endif
  skip;
ended:
  b = 0;
#ifdef MUTANT_MISMATCH_IS_A_MISS
  matched = false;
#endif
  d_step { value = 0; version = 0; differs = false; looking = false; newcomers = 0 }
  goto look
}
#endif

/* The key that stays is at home, or next door with the other at home or gone. */
inline stays(b) {
  memory[LO(b)] = LOW(0);
  memory[HI(b)] = HIGH(0);
  memory[VALUE(b)] = VALUE_OF(0, 1, 0)
}

init {
  atomic {
#ifdef STAYS
    if
    :: stays(0)
#if BUCKETS == 2
    :: stays(1); memory[PASSED(0)] = 1
#endif
    fi;
#endif
    run Writer(0);
#if WRITERS == 2
    run Writer(1);
#endif
    run Drain(0);
    run Drain(1);
#ifndef NO_READER
    run Reader(2)
#endif
  }
}
