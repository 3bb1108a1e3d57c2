/*
 * The learning table of src/shared/table/etherbridge.ts: two buckets of one slot each, two keys that both belong to the first,
 * two writers that learn, move and remove them for ever, and one that looks them up. (Look-ups write nothing, so one of them
 * is as good as many.)
 *
 * The keys share their low word; the high word of the first is 0, as that of an empty or half-written slot is. A VALUE has in
 * it whose it is. Not in here: SEEN and ageing, COUNT, statics.
 *
 * Asserted: a look-up returns a value of its own key or none. With -DSTAYS the first key is in the table from the beginning,
 * moves about, and is not removed: no look-up of it misses.
 *
 * A slot may be emptied and filled again between two loads of a look-up. USES numbers the occupants of a bucket's slots and
 * goes into VALUE; here it counts to 4 (in the program to 64), and no more than 3 newcomers come while a look-up runs.
 *
 * How a look-up makes sure:
 *   -DCHECK=0  it does not: the key once, then VALUE
 *   -DCHECK=1  key, VALUE, key
 *   -DCHECK=2  key, VALUE, key, VALUE: all of VALUE the same
 *   -DCHECK=3  the same, with the occupant's number in VALUE: all the same
 *   -DCHECK=4  the same, but only the occupant's number must be the same
 *   -DCHECK=5  a version of the bucket, stepped at each insertion, before VALUE and after the key
 *   -DCHECK=6  the same, stepped at each insertion and each removal
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
#define WORDS 12
#define CPUS 3
#define DEPTH 5
#include "tso.pmh"

/* No bucket. */
#define NONE 7
#define LOW 1
#define HIGH(key) (key)
/* A value: 1 + port of 2 | key << 2 | occupant << 3. */
#define FREE 0
#define VALUE_OF(key, port, use) (1 + (port) + ((key) << 2) + ((use) << 3))
#define KEY_OF(value) (((value) >> 2) & 1)
#define USE_OF(value) ((value) >> 3)
#ifndef RANGE
#define RANGE 4
#endif

/* Ghost: a look-up runs, and how many newcomers came since it began. */
bool looking;
byte newcomers;

inline tryLock(b) {
#ifdef MUTANT_NO_LOCK
  done = 1
#else
  exchange(done, LOCK(b), 0, 1 + cpu)
#endif
}

inline unlock(b) {
  store(LOCK(b), 0)
}

/* enter(): learns or moves `key`. */
inline learn(key, port) {
  b = 0;
  slot = NONE;
  found = NONE;
  do
  :: tryLock(b);
     if
     :: !done -> slot = NONE; break
     :: else
     fi;
     hops++;
     load(value, VALUE(b));
     if
     :: value == FREE ->
        if
        :: slot == NONE -> slot = b
        :: else
        fi
     :: else ->
        load(word, HI(b)); /* LO is the same for both keys, and under the locks an occupied slot is whole */
        if
        :: word == HIGH(key) -> found = b; slot = NONE; break
        :: else
        fi
     fi;
     load(word, PASSED(b));
     if
     :: word == 0 && slot != NONE -> break
     :: hops == 2 -> break
     :: else
     fi;
     b = 1
  od;
  d_step { done = 0; word = 0; b = 0 }
  if
  :: found != NONE -> move(found, key, port)
  :: slot != NONE -> insert(slot, key, port)
  :: else
  fi;
  leave()
}

/* A station that moves is one store of VALUE. */
inline move(at, key, port) {
#ifdef MUTANT_MOVE_IN_TWO_STEPS
  store(VALUE(at), FREE);
#endif
  store(VALUE(at), VALUE_OF(key, port, USE_OF(value)))
}

inline insert(at, key, port) {
  d_step {
    !(looking && newcomers == RANGE - 1) ->
    if
    :: looking -> newcomers++
    :: else
    fi
  }
#if CHECK >= 3
  load(word, USES(at));
  word = (word + 1) % RANGE;
  plain(USES(at), word);
#endif
#if CHECK < 3 || CHECK >= 5
  word = 0;
#endif
#ifdef MUTANT_VALUE_BEFORE_KEY
  store(VALUE(at), VALUE_OF(key, port, word));
#endif
  plain(LO(at), LOW);
  plain(HI(at), HIGH(key));
  if
  :: at == 1 ->
     load(hops, PASSED(0));
     plain(PASSED(0), hops + 1);
     hops = 2
  :: else
  fi;
  store(VALUE(at), VALUE_OF(key, port, word))
}

/* removeEntry() of the entry in bucket `at`, if it is `key` there. */
inline remove(at, key) {
  do
  :: tryLock(hops);
     if
     :: !done -> break
     :: else
     fi;
     hops++;
     if
     :: hops == at + 1 ->
        load(value, VALUE(at));
        load(word, HI(at));
        if
        :: value != FREE && word == HIGH(key) ->
#if CHECK == 6
           load(word, USES(at));
           plain(USES(at), (word + 1) % RANGE);
#endif
#ifdef MUTANT_KEY_CLEARED_BEFORE_VALUE
           plain(LO(at), 0);
           plain(HI(at), 0);
           store(VALUE(at), FREE);
#else
           store(VALUE(at), FREE);
           plain(LO(at), 0);
           plain(HI(at), 0);
#endif
           if
           :: at == 1 ->
              load(word, PASSED(0));
              plain(PASSED(0), word - 1)
           :: else
           fi
        :: else
        fi;
        break
     :: else
     fi
  od;
  word = 0;
  leave()
}

inline leave() {
  do
  :: hops > 0 ->
     hops--;
     unlock(hops)
  :: else -> break
  od;
  d_step { slot = 0; found = 0; value = 0; done = 0; word = 0; b = 0 }
}

proctype Writer(byte cpu) {
  byte b, slot, found, value, word, hops, key, port, at;
  bool done;
#ifdef OPERATIONS
  byte operations;
#endif
end:
  do
  ::
#ifdef OPERATIONS
     operations < OPERATIONS ->
     operations++;
#endif
     if
     :: key = 0
     :: key = 1
     fi;
     if
     :: port = 0; learn(key, port)
     :: port = 1; learn(key, port)
#ifdef STAYS
     :: key == 1 -> remove(0, key)
     :: key == 1 -> at = 1; remove(1, key)
#else
     :: remove(0, key)
     :: at = 1; remove(1, key)
#endif
     fi;
     d_step { key = 0; port = 0; at = 0 }
  od
}

/* find(): which bucket has the key. */
inline find(key) {
  at = 0;
  load(word, LO(0));
  if
  :: word == LOW ->
     load(word, HI(0));
     if
     :: word == HIGH(key) -> goto got
     :: else
     fi
  :: else
  fi;
  load(word, PASSED(0));
  if
  :: word == 0 -> goto missed
  :: else
  fi;
  at = 1;
  load(word, LO(1));
  if
  :: word == LOW ->
     load(word, HI(1));
     if
     :: word == HIGH(key) -> goto got
     :: else
     fi
  :: else
  fi;
  goto missed
}

proctype Reader(byte cpu) {
  byte key, at, word, value, again, version;
look:
  if
  :: key = 0
#ifndef STAYS
  :: key = 1
#endif
  fi;
  looking = true;
  find(key);
got:
  word = 0;
#if CHECK >= 5
  load(version, USES(at));
#endif
  load(value, VALUE(at));
#if CHECK >= 1
  load(word, LO(at));
  if
  :: word != LOW -> goto missed
  :: else
  fi;
  load(word, HI(at));
  if
  :: word != HIGH(key) -> goto missed
  :: else
  fi;
#endif
#if CHECK >= 2 && CHECK <= 4
  load(again, VALUE(at));
#if CHECK == 4
  if
  :: USE_OF(again) != USE_OF(value) -> goto missed
#else
  if
  :: again != value -> goto missed
#endif
  :: else
  fi;
#endif
#if CHECK >= 5
  load(again, USES(at));
  if
  :: again != version -> goto missed /* once more, in the program */
  :: else
  fi;
#endif
  if
  :: value == FREE -> goto missed
  :: else -> assert(KEY_OF(value) == key)
  fi;
  goto ended;
missed:
#ifdef STAYS
#if CHECK < 5
  assert(false);
#endif
#endif
  skip;
ended:
  key = 0;
  d_step { at = 0; word = 0; value = 0; again = 0; version = 0; looking = false; newcomers = 0 }
  goto look
}

/* The key that stays is at home, or next door with the other at home or gone. */
inline stays(b) {
  memory[LO(b)] = LOW;
  memory[HI(b)] = HIGH(0);
  memory[VALUE(b)] = VALUE_OF(0, 0, 0)
}

init {
  atomic {
#ifdef STAYS
    if
    :: stays(0)
    :: stays(1); memory[PASSED(0)] = 1
    fi;
#endif
    run Writer(0);
    run Writer(1);
    run Reader(2);
    run Drain(0);
    run Drain(1)
  }
}
