//! What the allocator tells through `tracing`: rows ST-04 and FB-02; and reference
//! counts: row RR-06.

#![cfg(all(feature = "tracing", target_os = "linux", not(percpu_loom), not(miri)))]

mod common;

use std::sync::Mutex;

use percpu_core::atomic::{AtomicU8, AtomicU64};
use percpu_core::{PerCpu, RawRef, RefError, balance, info};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Level and message of each event of ours.
static SEEN: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());

struct Listener;

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "percpu"
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        SEEN.lock().unwrap().push((*event.metadata().level(), message.0));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What was told since the last call: messages of a level.
fn seen(level: Level) -> Vec<String> {
    let mut seen = SEEN.lock().unwrap();
    let (told, rest) = seen.drain(..).partition(|(of, _)| *of == level);
    *seen = rest;
    told.into_iter().map(|(_, message)| message).collect()
}

#[test]
fn each_event_is_told_once() {
    common::in_child("each_event_is_told_once", &[], || {
        tracing::subscriber::set_global_default(Listener).unwrap();
        let word = PerCpu::<AtomicU64>::zeroed().unwrap();
        assert_eq!(seen(Level::TRACE), ["alloc"]);
        drop(word);
        assert_eq!(seen(Level::TRACE), ["free"]);
        assert!(PerCpu::<[AtomicU8; 100_000]>::zeroed().is_err());
        assert_eq!(seen(Level::TRACE), ["alloc_fail"]);

        let mut large = Vec::new();
        while info().unwrap().chunks() < 3 {
            large.push(PerCpu::<[AtomicU8; 32 << 10]>::zeroed().unwrap());
        }
        let told = seen(Level::TRACE);
        let count = |what: &str| told.iter().filter(|event| *event == what).count();
        assert_eq!((count("create_chunk"), count("alloc")), (2, large.len()));
        drop(large);
        balance().unwrap();
        let told = seen(Level::TRACE);
        assert_eq!(told.iter().filter(|event| *event == "destroy_chunk").count(), 1);
    });
}

#[test]
fn after_ten_warnings_there_is_a_notice_and_silence() {
    common::in_child("after_ten_warnings_there_is_a_notice_and_silence", &[], || {
        tracing::subscriber::set_global_default(Listener).unwrap();
        for _ in 0..30 {
            assert!(PerCpu::<[AtomicU8; 100_000]>::zeroed().is_err());
        }
        let warnings = seen(Level::WARN);
        assert_eq!(warnings.len(), 11);
        assert!(warnings[..10].iter().all(|warning| warning == "allocation failed"));
        assert!(warnings[10].contains("unreported from now on"));
        assert_eq!(seen(Level::TRACE).len(), 30, "events are not limited");
        assert_eq!(percpu_core::stats().unwrap().alloc_failures, 30);
    });
}

#[test]
fn misused_reference_counts_are_told_ten_times() {
    common::in_child("misused_reference_counts_are_told_ten_times", &[], || {
        tracing::subscriber::set_global_default(Listener).unwrap();
        let count = RawRef::new().unwrap();
        assert_eq!(count.kill(), Ok(true));
        assert_eq!(count.kill(), Err(RefError::AlreadyDead));
        assert_eq!(seen(Level::WARN), ["a reference count was killed twice"]);
        assert_eq!(count.put(1), Err(RefError::Underflow));
        assert_eq!(seen(Level::WARN), ["more references were put than there were"]);
        count.get();
        assert_eq!(seen(Level::WARN), ["a reference was taken after the last one was put"]);
        for _ in 0..20 {
            assert_eq!(count.kill(), Err(RefError::AlreadyDead));
        }
        assert_eq!(seen(Level::WARN).len(), 7, "then silence");
    });
}
