//! What both targets' mutations have in common: text that runs unless, or only while,
//! something is broken; descriptors that say something wrong. The target's file brings
//! `point!`, `if_broken!` and `jump!`.

#[cfg(percpu_inject)]
macro_rules! unless {
    ($name:ident, $($text:expr),+ $(,)?) => {
        concat!(if_broken!($name, "76f"), $($text,)+ "76:\n")
    };
}
#[cfg(not(percpu_inject))]
macro_rules! unless {
    ($name:ident, $($text:expr),+ $(,)?) => {
        concat!($($text),+)
    };
}
#[cfg(percpu_inject)]
macro_rules! when {
    ($name:ident, $($text:expr),+ $(,)?) => {
        concat!(if_broken!($name, "77f"), jump!("78f"), "77:\n", $($text,)+ "78:\n")
    };
}
#[cfg(not(percpu_inject))]
macro_rules! when {
    ($name:ident, $($text:expr),+ $(,)?) => {
        ""
    };
}
#[cfg(percpu_inject)]
macro_rules! either {
    ($name:ident, $broken:expr, $right:expr $(,)?) => {
        concat!(if_broken!($name, "77f"), $right, jump!("78f"), "77:\n", $broken, "78:\n")
    };
}
#[cfg(not(percpu_inject))]
macro_rules! either {
    ($name:ident, $broken:expr, $right:expr $(,)?) => {
        $right
    };
}

#[cfg(percpu_inject)]
macro_rules! broken_descriptors {
    () => {
        concat!(
            // Not among those that debuggers are told of.
            ".pushsection .data.percpu_broken_cs, \"aw\"\n",
            ".balign 32\n",
            "62: .long 0, 0\n.quad 3f, 43f - 3f, 5f\n",
            "64: .long 0, 0\n.quad 3f, 45f - 3f, 5f\n",
            "66: .long 1, 0\n.quad 3f, 4f - 3f, 5f\n",
            "67: .long 0, 0\n.quad 3f, 4f - 3f, 46f\n",
            ".popsection\n",
        )
    };
}
#[cfg(not(percpu_inject))]
macro_rules! broken_descriptors {
    () => {
        ""
    };
}

#[cfg(percpu_inject)]
macro_rules! end_late {
    () => {
        concat!(point!("3"), "45:\n")
    };
}
#[cfg(not(percpu_inject))]
macro_rules! end_late {
    () => {
        ""
    };
}
