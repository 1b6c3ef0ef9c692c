//! Pictures of a layout, in text.
//!
//! ```text
//! ╭─ group 0: node 0, 3 CPUs, 4 units of 512K at 0 ─╮
//! │ ┌───┬───┬───┬───┐                               │   an allocation: upa units
//! │ │ 0 │ 1 │ 2 │ - │                               │
//! │ └───┴───┴───┴───┘                               │
//! ╰─────────────────────────────────────────────────╯
//! ```
//!
//! Allocations stand side by side while they fit; one that is too wide is folded
//! in halves. Nothing is left out, however many CPUs there are.

use percpu_core::{Group, Layout};

use crate::bytes;

/// The least and the largest width a picture is drawn for, in columns.
pub const WIDTHS: (usize, usize) = (40, 200);

/// Draws every group of `layout` as a box of allocations and their units, at
/// most `width` columns wide (see [`WIDTHS`]). Each line ends in a newline.
///
/// ```
/// use percpu_core::{Layout, Sizes, Topology};
/// use percpu_examples::draw;
///
/// let layout = Layout::build(&Sizes::new(72 << 10), &Topology::uniform(3, 1)?)?;
/// let picture = draw::groups(&layout, 80);
/// assert!(picture.contains("│ 0 │ 1 │ 2 │ - │"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn groups(layout: &Layout, width: usize) -> String {
    let width = width.clamp(WIDTHS.0, WIDTHS.1);
    let highest = layout.groups().iter().flat_map(|group| group.cpus().last()).max();
    let digits = highest.map_or(1, |cpu| cpu.to_string().len());
    let inside = width - 4; // between "│ " and " │"

    let mut out = String::new();
    for (number, group) in layout.groups().iter().enumerate() {
        let mut lines = Vec::new();
        let (columns, across) = fit(layout.units_per_alloc(), digits, inside);
        let allocs: Vec<_> = group.cpu_map().chunks(layout.units_per_alloc()).collect();
        for row in allocs.chunks(across) {
            let boxes: Vec<Vec<String>> =
                row.iter().map(|alloc| alloc_box(alloc, columns, digits)).collect();
            for line in 0..boxes[0].len() {
                let parts: Vec<&str> = boxes.iter().map(|lines| lines[line].as_str()).collect();
                lines.push(parts.join(" "));
            }
        }
        framed(&mut out, &title(layout, number, group), &lines, inside);
    }
    out
}

/// Slots in a line of an allocation, and allocations in a line of the group.
fn fit(upa: usize, digits: usize, inside: usize) -> (usize, usize) {
    let wide = |columns: usize| columns * (digits + 3) + 1;
    let mut columns = upa;
    while columns > 1 && wide(columns) > inside {
        columns = columns.div_ceil(2);
    }
    (columns, ((inside + 1) / (wide(columns) + 1)).max(1))
}

fn alloc_box(slots: &[Option<percpu_core::CpuId>], columns: usize, digits: usize) -> Vec<String> {
    let rule = |left: &str, middle: &str, right: &str| {
        let dash = "─".repeat(digits + 2);
        format!("{left}{}{right}", vec![dash; columns].join(middle))
    };
    let mut lines = vec![rule("┌", "┬", "┐")];
    for row in slots.chunks(columns) {
        let mut line = String::from("│");
        for slot in 0..columns {
            let text = match row.get(slot) {
                Some(Some(cpu)) => cpu.to_string(),
                Some(None) => "-".repeat(digits),
                None => String::new(),
            };
            line += &format!(" {text:>digits$} │");
        }
        lines.push(line);
    }
    lines.push(rule("└", "┴", "┘"));
    lines
}

fn title(layout: &Layout, number: usize, group: &Group) -> String {
    let (cpus, units) = (group.cpus().count(), group.nr_units());
    format!(
        "group {number}: node {}, {cpus} CPU{}, {units} unit{} of {} at {}",
        group.node(),
        if cpus == 1 { "" } else { "s" },
        if units == 1 { "" } else { "s" },
        bytes::show(layout.unit_size()),
        bytes::show(group.base_offset()),
    )
}

/// Puts lines into a box with a title; the title is cut where it does not fit.
fn framed(out: &mut String, title: &str, lines: &[String], inside: usize) {
    let columns = |text: &str| text.chars().count();
    // "╭─ title ─╮" needs two columns less of title than a line has inside.
    let mut title = title.to_owned();
    if columns(&title) > inside - 2 {
        title = title.chars().take(inside - 3).chain(['…']).collect();
    }
    let content = lines.iter().map(|line| columns(line)).max().unwrap_or(0);
    let width = content.max(columns(&title) + 2);
    *out += &format!("╭─ {title} {}╮\n", "─".repeat(width - columns(&title) - 1));
    for line in lines {
        *out += &format!("│ {line}{} │\n", " ".repeat(width - columns(line)));
    }
    *out += &format!("╰{}╯\n", "─".repeat(width + 2));
}

/// Draws the parts of one unit of `layout`, each as a bar at its place, at most
/// `width` columns wide (see [`WIDTHS`]). Each line ends in a newline.
#[must_use]
pub fn unit(layout: &Layout, width: usize) -> String {
    let width = width.clamp(WIDTHS.0, WIDTHS.1);
    let parts = [
        ("static", layout.static_range()),
        ("reserved", layout.reserved_range()),
        ("dynamic", layout.dynamic_range()),
        ("unused", layout.size_sum()..layout.unit_size()),
    ];
    let sizes = parts.clone().map(|(_, range)| bytes::show(range.len()));
    let digits = sizes.iter().map(String::len).max().unwrap_or(0);
    let bar = width - "reserved ".len() - digits - " ││".len();
    // In u128: bytes times columns may not fit an address.
    let column =
        |byte: usize| (byte as u128 * bar as u128 / layout.unit_size().max(1) as u128) as usize;
    let mut out = String::new();
    for ((name, range), size) in parts.into_iter().zip(sizes) {
        let (start, mut end) = (column(range.start).min(bar), column(range.end).min(bar));
        let mut lead = start;
        if !range.is_empty() && start == end {
            // Too small to see: one column, still inside.
            lead = start.min(bar - 1);
            end = lead + 1;
        }
        let fill = if name == "unused" { "░" } else { "█" };
        let (body, rest) = (fill.repeat(end - lead), " ".repeat(bar - end));
        out += &format!("{name:<8} {size:>digits$} │{}{body}{rest}│\n", " ".repeat(lead));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use percpu_core::{Sizes, Topology};

    fn layout(cpus: u32, nodes: u32) -> Layout {
        Layout::build(&Sizes::new(72 << 10), &Topology::uniform(cpus, nodes).unwrap()).unwrap()
    }

    #[test]
    fn a_small_machine() {
        assert_eq!(
            groups(&layout(6, 2), 80),
            "╭─ group 0: node 0, 3 CPUs, 4 units of 512K at 0 ─╮\n\
             │ ┌───┬───┬───┬───┐                               │\n\
             │ │ 0 │ 1 │ 2 │ - │                               │\n\
             │ └───┴───┴───┴───┘                               │\n\
             ╰─────────────────────────────────────────────────╯\n\
             ╭─ group 1: node 1, 3 CPUs, 4 units of 512K at 2M ─╮\n\
             │ ┌───┬───┬───┬───┐                                │\n\
             │ │ 3 │ 4 │ 5 │ - │                                │\n\
             │ └───┴───┴───┴───┘                                │\n\
             ╰──────────────────────────────────────────────────╯\n"
        );
    }

    #[test]
    fn never_wider_than_asked() {
        for (cpus, nodes) in [(1, 1), (13, 1), (64, 4), (4096, 128), (5000, 3), (1024, 1024)] {
            let layout = layout(cpus, nodes);
            for width in [40, 57, 80, 132, 200] {
                let pictures = groups(&layout, width) + &unit(&layout, width);
                let widest = pictures.lines().map(|line| line.chars().count()).max();
                assert!(widest <= Some(width), "{cpus} CPUs in {width} columns: {widest:?}");
            }
        }
    }

    #[test]
    fn every_cpu_is_drawn() {
        let picture = groups(&layout(4096, 128), 80);
        for cpu in 0..4096 {
            assert!(picture.contains(&format!(" {cpu:>4} │")), "CPU {cpu}");
        }
        assert_eq!(picture.matches('╭').count(), 128);
    }

    #[test]
    fn absurd_widths_are_clamped() {
        let layout = layout(64, 4);
        assert_eq!(groups(&layout, 0), groups(&layout, 40));
        assert_eq!(unit(&layout, usize::MAX), unit(&layout, 200));
    }

    #[test]
    fn small_and_empty_parts_of_a_unit() {
        let sizes = Sizes::new(1).reserved(0).atom(1 << 30);
        let layout = Layout::build(&sizes, &Topology::uniform(1, 1).unwrap()).unwrap();
        let picture = unit(&layout, 80);
        let bars: Vec<usize> = picture.lines().map(|line| line.matches('█').count()).collect();
        assert_eq!(bars, [1, 0, 1, 0], "{picture}");
    }
}
