//! What users of a pool rely on.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;

use super::slab::pool::{OwnedRef, OwnedRefMut, Ref, RefMut};
use super::slab::{Clear, Config, Pool};

struct Tagged;

impl Config for Tagged {
    const RESERVED_BITS: usize = 8;
}

/// A string that says when it is cleared.
#[derive(Debug, Default)]
struct Line {
    text: String,
    cleared: Arc<AtomicUsize>,
}

impl Line {
    fn fill(&mut self, text: &str, cleared: &Arc<AtomicUsize>) {
        assert!(self.text.is_empty(), "a value that was not cleared");
        self.text.push_str(text);
        self.cleared = cleared.clone();
    }
}

impl Clear for Line {
    fn clear(&mut self) {
        self.text.clear();
        self.cleared.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_value_is_found_once_it_is_created() {
    let pool = Pool::<String>::new();
    let mut value = pool.create().unwrap();
    let key = value.key();
    value.push_str("hello");
    assert!(pool.get(key).is_none());
    drop(value);
    let value = pool.get(key).unwrap();
    assert_eq!((value.as_str(), value.key()), ("hello", key));

    let key = pool.create_with(|value| value.push_str("world")).unwrap();
    assert_eq!(pool.get(key).unwrap(), String::from("world"));
    assert!(pool.get(12345).is_none());
}

#[test]
fn a_value_is_cleared_once() {
    let (pool, cleared) = (Pool::<Line>::new(), Arc::default());
    let key = pool.create_with(|line| line.fill("text", &cleared)).unwrap();
    assert!(!pool.clear(key + 69420));
    assert!(pool.clear(key));
    assert_eq!(cleared.load(SeqCst), 1);
    assert!(!pool.clear(key) && pool.get(key).is_none());
    assert_eq!(cleared.load(SeqCst), 1);
}

#[test]
fn a_cleared_value_stays_until_the_last_guard_is_dropped() {
    let (pool, cleared) = (Arc::new(Pool::<Line>::new()), Arc::default());
    let key = pool.create_with(|line| line.fill("text", &cleared)).unwrap();
    let guards = [pool.get(key).unwrap(), pool.get(key).unwrap()];
    let owned = pool.clone().get_owned(key).unwrap();
    assert!(pool.clear(key) && pool.get(key).is_none());
    for guard in guards {
        assert_eq!((guard.text.as_str(), cleared.load(SeqCst)), ("text", 0));
    }
    thread::spawn(move || {
        assert_eq!(owned.text, "text");
        drop(owned);
    })
    .join()
    .unwrap();
    assert_eq!(cleared.load(SeqCst), 1);
}

#[test]
fn values_are_used_again_and_come_empty() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    struct Made(Vec<u32>);
    impl Default for Made {
        fn default() -> Self {
            MADE.fetch_add(1, SeqCst);
            Self(Vec::new())
        }
    }
    impl Clear for Made {
        fn clear(&mut self) {
            self.0.clear();
        }
    }
    let pool = Pool::<Made>::new();
    let mut with_memory = 0;
    for n in 0..1000 {
        let mut value = pool.create().unwrap();
        assert!(value.0.is_empty());
        with_memory += usize::from(value.0.capacity() > 0);
        value.0.extend([n; 50]);
        let key = value.key();
        drop(value);
        assert!(pool.clear(key));
    }
    assert!(with_memory > 500 && MADE.load(SeqCst) < 500, "{with_memory} of 1000");
}

#[test]
fn a_downgraded_value_is_for_all() {
    let pool = Arc::new(Pool::<String>::new());
    let mut value = pool.create().unwrap();
    value.push_str("one");
    let value: Ref<'_, String> = value.downgrade();
    assert_eq!(*pool.get(value.key()).unwrap(), "one");
    assert_eq!(value, String::from("one"));

    let mut value = pool.clone().create_owned().unwrap();
    let key = value.key();
    value.push_str("two");
    let theirs = pool.clone();
    thread::spawn(move || assert!(theirs.get(key).is_none())).join().unwrap();
    let value: OwnedRef<String> = value.downgrade();
    let theirs = pool.clone();
    thread::spawn(move || assert_eq!(*theirs.get(key).unwrap(), "two")).join().unwrap();
    assert!(pool.clear(key));
    assert_eq!((value.key(), value.as_str()), (key, "two"));
}

#[test]
fn owned_guards_keep_the_pool_and_may_be_sent() {
    let pool = Arc::new(Pool::<String>::new());
    let key = pool.create_with(|value| value.push_str("shared")).unwrap();
    assert!(pool.clone().get_owned(12345).is_none());
    let shared = pool.clone().get_owned(key).unwrap();
    let mut mine = pool.clone().create_owned().unwrap();
    drop(pool);
    thread::spawn(move || {
        mine.push_str(&shared);
        assert_eq!(mine, String::from("shared"));
    })
    .join()
    .unwrap();
}

#[test]
fn values_are_dropped_with_the_pool() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    struct Alive;
    impl Default for Alive {
        fn default() -> Self {
            ALIVE.fetch_add(1, SeqCst);
            Self
        }
    }
    impl Drop for Alive {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, SeqCst);
        }
    }
    impl Clear for Alive {
        fn clear(&mut self) {}
    }
    let pool = Pool::<Alive>::new();
    let keys: Vec<_> = (0..200).map(|_| pool.create_with(|_| ()).unwrap()).collect();
    keys.iter().step_by(2).for_each(|&key| assert!(pool.clear(key)));
    assert!(ALIVE.load(SeqCst) >= 200);
    drop(pool);
    assert_eq!(ALIVE.load(SeqCst), 0);
}

#[test]
fn reserved_bits_are_zero_and_of_no_account() {
    const RESERVED: usize = !0 << (usize::BITS - 8);
    assert_eq!(Pool::<String, Tagged>::USED_BITS, usize::BITS as usize - 8);
    let pool = Pool::<String>::new_with_config::<Tagged>();
    for _ in 0..100 {
        let key = pool.create_with(|value| value.push('x')).unwrap();
        assert_eq!(key & RESERVED, 0);
        assert_eq!(*pool.get(key | RESERVED).unwrap(), "x");
        assert!(pool.clear(key | RESERVED));
    }
}

#[test]
fn guards_look_like_their_values() {
    let pool = Arc::new(Pool::<Vec<u32>>::default());
    let mut one = pool.create().unwrap();
    one.push(1);
    let mut two = pool.clone().create_owned().unwrap();
    two.push(2);
    assert_eq!(format!("{one:?} {two:?}"), "[1] [2]");
    assert!(one == vec![1] && two == vec![2]);
    let (one, two) = (one.downgrade(), two.downgrade());
    assert_eq!(format!("{one:?} {two:?}"), "[1] [2]");
    assert!(one == vec![1] && two == vec![2] && one != vec![]);
    assert!(format!("{pool:?}").starts_with("Pool"));
}

#[test]
fn what_std_has_can_be_cleared() {
    fn cleared<T: Clear>(mut value: T) -> T {
        value.clear();
        value
    }
    assert_eq!(cleared(Some(1)), None);
    assert!(cleared(vec![1, 2]).capacity() >= 2);
    assert!(cleared(Box::new(vec![1])).is_empty());
    let text = cleared(String::from("text"));
    assert!(text.is_empty() && text.capacity() >= 4);
    assert!(cleared(HashMap::from([(1, 2)])).is_empty());
    assert!(cleared(HashSet::from([1])).is_empty());
    assert!(cleared(Mutex::new(vec![1])).into_inner().unwrap().is_empty());
    assert!(cleared(RwLock::new(vec![1])).into_inner().unwrap().is_empty());
}

#[test]
fn faces_have_the_same_types() {
    fn traits<T: Send + Sync + std::panic::RefUnwindSafe>() {}
    traits::<Pool<String>>();
    fn owned<T: Send + Sync>() {}
    owned::<OwnedRef<String, Tagged>>();
    owned::<OwnedRefMut<String, Tagged>>();
    struct Holds<'a, C: Config>(Ref<'a, String, C>, RefMut<'a, String, C>);
    let pool = Pool::new_with_config::<Tagged>();
    let key = pool.create_with(|value: &mut String| value.push('a')).unwrap();
    let mut held = Holds(pool.get(key).unwrap(), pool.create().unwrap());
    held.1.push_str(&held.0);
    assert_eq!(held.1, String::from("a"));
}
