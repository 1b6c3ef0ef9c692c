//! What every body must do: the operations in pseudo-code.
//!
//! The assembly files hold these sections and nothing else; loops and choices
//! are shared Rust in `word.rs` and its neighbours. `p` is a per-CPU pointer.
//!
//! ```text
//! enter(p):                                         # the late form
//!   again: area = thread pointer + distance of struct rseq
//!          distance == 0 -> leave "cold"              # nobody registers threads yet
//!   (0)    area.rseq_cs = descriptor of this section    # armed
//!          c = the index                              # first instruction inside
//!          a = bases[c];  a == 0 -> leave "cold"
//!          a = a + p
//!   (1)
//! by CPU                   the index = area.cpu_id (16 bits)
//! by concurrency id        the index = area.cpu_id < 0 ? 65535 : area.mm_cid (16 bits)
//!
//! add(p, n)                enter;                             COMMIT [a] += n
//! inc(p), dec(p)           enter;                             COMMIT [a] += 1, -= 1
//! and, or, xor(p, n)       enter;                             COMMIT [a] = [a] op n
//! store(p, n)              enter;                             COMMIT [a] = n
//! fetch_add(p, n)          enter; r = [a]; (2)                COMMIT [a] = r + n;   result r
//! fetch_and, or, xor       enter; r = [a]; (2)                COMMIT [a] = r op n;  result r
//! swap(p, n)               enter; r = [a]; (2)                COMMIT [a] = n;       result r
//! compare_exchange(p,o,n)  enter; r = [a]; r != o -> result r; (2)
//!                                                             COMMIT [a] = n;       result r
//! acquire(p)               enter; acquire-load [a].stop != 0 -> busy(a);
//!                          acquire-load [a].held != 0 -> busy(a); (2)
//!                                                             COMMIT [a].held = 1;  result a
//!
//! pair swap(p, n, m)       enter; i = [a].sequence;
//!                          r, s = slot i & 1;
//!                          slot (i + 1) & 1 = n, m; (2)       COMMIT [a].sequence = i + 1;
//!                                                                                   result r, s
//! pair compare_exchange(p, o, q, n, m)
//!                          the same, but r, s != o, q -> result r, s, before the slot is written
//! gate(p)                  enter; acquire-load [a].stop != 0 -> no
//! list push(p, n)          gate; r = [a].word; [n] = r; (2)   COMMIT [a].word = n;  result yes
//! list pop(p)              gate; r = [a].word; r == 0 -> no; (2)
//!                          r2 = [r]; (2)                      COMMIT [a].word = r2; result r
//! buffer push(p, record)   gate; l = [a].word; l == N -> no;
//!                          slot l = record; (2)               COMMIT [a].word = l + 1; result yes
//! buffer pop(p, record)    gate; l = [a].word; l == 0 -> no;
//!                          record = slot l - 1; (2)           COMMIT [a].word = l - 1; result yes
//! ```
//! Behind a switch or in turn (`switch.rs`, `turn.rs`); `s` is its address:
//! ```text
//! behind                   enter; acquire-load [s] != 0 -> stopped
//! add(p, s, n)             behind;                            COMMIT [a] += n
//! add_within(p, s, n, low, span)
//!                          behind; r = [a] + n; r - low > span -> bounds; (2)
//!                                                             COMMIT [a] = r
//! add_in_turn(p, s)        enter; r = acquire-load [s] & 1;
//!                          a = a + 8 r;                       COMMIT [a] += 1;       result r
//! ```
//! On a stack (`stack_copy.rs`): a word, and slots behind it. The word is the length, or
//! `STOPPED` beside it: less than 0, signed, also less one, and more than any limit,
//! unsigned. `limit` is an address.
//! ```text
//! push(p, v, limit)        enter; n = [a].word; n >= [limit] -> no
//!                          [a].slot[n] = v; (2)               COMMIT [a].word = n + 1; result yes
//! pop(p)                   enter; n = [a].word; n <= 0 -> no
//!                          r = [a].slot[n - 1]; (2)           COMMIT [a].word = n - 1; result r
//! push_batch(p, from, want, least, limit)
//!                          enter; n = [a].word; n < 0 -> stopped; n >= [limit] -> bounds
//!                          k = min([limit] - n, want); k < least -> bounds
//!                          copy k words from `from` to [a].slot[n]; (2)
//!                                                             COMMIT [a].word = n + k; result k
//! pop_batch(p, to, want, least)
//!                          enter; n = [a].word; n < 0 -> stopped
//!                          k = min(n, want); k < least -> bounds
//!                          copy k words from [a].slot[n - k] to `to`; (2)
//!                                                             COMMIT [a].word = n - k; result k
//! ```
//! What a push or a pop does not do is done by the batch of one, which says why it
//! does not: the single ones answer one question, in one comparison.
//!
//! - **No compare.** The number is read inside the section, so a thread that
//!   is moved after reading it is sent back. Reading it before arming and
//!   comparing inside (the early form) was measured too: 12 % slower on one word
//!   and 21 % on 4096 in random order. What it has for it, that nothing is
//!   stored before the area is known, is had here by testing the distance.
//! - **Index.** Each body is there for either (`index.rs`), from one text, and is asked
//!   for one by constant: callers ask by CPU first and by concurrency id on the cold
//!   path, so a process by concurrency id finds the former closed (`table.rs`). The
//!   kernel gives another concurrency id only to a thread that it switches to, so
//!   what is said of a CPU here holds for an id: one thread at a time, and one that
//!   was switched from inside a section restarts. Only, the next thread may run
//!   on another CPU: the kernel's switches order what the last one stored there
//!   before what the next one loads. And a thread that is not registered has 0 for
//!   its id, which is somebody's: hence the sign of `cpu_id`. No entry is at 65535.
//! - **Commit.** One store, the last instruction of the section. On x86-64 a
//!   read-modify-write instruction without `lock` is one instruction for the
//!   CPU that runs it, so `add [a], n` is load and commit in one. What a section
//!   on a stack writes before that (a slot above the length, a buffer of the
//!   caller's) means nothing until the commit, and is written again after an
//!   abort. `want` is at most 64, so that a section ends before the next interrupt.
//! - **Before the commit** a section on several words may also store where nobody
//!   looks before the commit: the slot that is not current, the caller's own node
//!   or record, a slot beyond the length. The next section writes it again.
//! - **Abort.** Preemption, migration or a signal between arming and commit
//!   sends the thread to `again`; the abort handler counts it and changes no
//!   other word.
//! - **Outcome.** Bodies retry by themselves. "Cold" is not an abort: it says
//!   that this thread needs the slow path (see `table.rs`), decided there once.
//! - **Ordering.** Relaxed towards other CPUs, except `acquire`, `gate`, `behind` and turns. On its own CPU
//!   a section sees everything that the sections before it committed there:
//!   either the same thread, or a thread that the kernel switched from. What a
//!   remote reader of a pair, and a drain, may rely on: `pair.rs`, `drain.rs`.
//! - **Sizes.** 1, 2, 4 and 8 bytes; arithmetic wraps in the word's own width.
//! - **Injection.** `(0)`, `(1)`, `(2)` are delay loops under
//!   `--cfg percpu_inject`; there, single-instruction commits are taken apart
//!   into load, `(2)`, store, so that an abort can fall between them. `store` has a `(2)`
//!   too, and behind each commit is a `(3)`, which no right section has inside.
//!   What may happen around sections is in `inject.rs`.
//! - **Mutation.** In the same build `PERCPU_MUTATE` breaks one thing: `broken.rs` has
//!   the names, `ci/mutations.txt` what they mean and which test must then fail.
