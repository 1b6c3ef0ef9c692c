//! A layout as the kernel's boot log prints it.
//!
//! ```text
//! pcpu-alloc: s102400 r8192 d28672 u262144 alloc=1*2097152
//! pcpu-alloc: [0] 00 01 02 03 04 05 06 07 [0] 08 09 10 11 12 -- -- --
//!              |  \________ one allocation of upa units ________/
//!              group
//! ```
//!
//! An allocation is `upa * (CPU digits + 1) + group digits + 3` columns wide. A
//! line holds as many as fit into 60 columns, rounded down to a power of two,
//! one at least. CPU digits are those of the count of CPUs, group digits those
//! of the count of groups.

use core::fmt;

use crate::area::layout::Layout;

/// Columns a line should not exceed.
const LINE: usize = 60;

/// The dump that the kernel logs when it sets up the first chunk: a line of
/// sizes, then the CPUs of each allocation behind the number of their group,
/// with dashes for empty units. No newline at the end.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let atoms = self.alloc_size() / self.atom_size();
        write!(f, "pcpu-alloc: {} alloc={atoms}*{}", Parts(self), self.atom_size())?;

        let cpu_digits = digits(self.nr_cpus());
        let group_digits = digits(self.nr_groups());
        let per_line = allocs_per_line(self.units_per_alloc(), cpu_digits, group_digits);
        let allocs = self.groups().iter().enumerate().flat_map(|(number, group)| {
            group.cpu_map().chunks(self.units_per_alloc()).map(move |alloc| (number, alloc))
        });
        for (index, (group, alloc)) in allocs.enumerate() {
            let lead = if index % per_line == 0 { "\npcpu-alloc: " } else { " " };
            write!(f, "{lead}[{group:0group_digits$}]")?;
            for slot in alloc {
                match slot {
                    Some(cpu) => write!(f, " {:0cpu_digits$}", cpu.get())?,
                    None => write!(f, " {:->cpu_digits$}", "")?,
                }
            }
        }
        Ok(())
    }
}

impl Layout {
    /// The line by which the kernel reports that the first chunk lies in memory
    /// mapped by large pages: pages used by a CPU, and the sizes.
    ///
    /// ```
    /// use percpu_core::{Layout, Sizes, Topology};
    ///
    /// let sizes = Sizes::new(185_496).reserved(0);
    /// let layout = Layout::build(&sizes, &Topology::uniform(2, 1)?)?;
    /// assert_eq!(
    ///     layout.embedded_line().to_string(),
    ///     "Embedded 53 pages/cpu s185496 r0 d31592 u1048576"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "pcpu_embed_first_chunk")]
    pub fn embedded_line(&self) -> impl fmt::Display + '_ {
        struct EmbeddedLine<'a>(&'a Layout);
        impl fmt::Display for EmbeddedLine<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let pages = self.0.size_sum() / self.0.page_size();
                write!(f, "Embedded {pages} pages/cpu {}", Parts(self.0))
            }
        }
        EmbeddedLine(self)
    }
}

/// `s<static> r<reserved> d<dynamic> u<unit>`, in bytes.
struct Parts<'a>(&'a Layout);

impl fmt::Display for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (layout, unit) = (self.0, self.0.unit_size());
        let (r, d) = (layout.reserved_size(), layout.dynamic_size());
        write!(f, "s{} r{r} d{d} u{unit}", layout.static_size())
    }
}

fn digits(count: usize) -> usize {
    count.checked_ilog10().unwrap_or(0) as usize + 1
}

fn allocs_per_line(upa: usize, cpu_digits: usize, group_digits: usize) -> usize {
    let width = upa * (cpu_digits + 1) + group_digits + 3;
    1 << (LINE / width).max(1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::sizes::Sizes;
    use crate::sys::Topology;

    fn dump(sizes: &Sizes, topology: &Topology) -> String {
        Layout::build(sizes, topology).unwrap().to_string()
    }

    #[test]
    fn boot_log_of_two_cpus() {
        let machine = Topology::uniform(2, 1).unwrap();
        let layout = Layout::build(&Sizes::new(185_496).reserved(0), &machine).unwrap();
        assert_eq!(
            layout.to_string(),
            "pcpu-alloc: s185496 r0 d31592 u1048576 alloc=1*2097152\npcpu-alloc: [0] 0 1"
        );
        assert_eq!(
            layout.embedded_line().to_string(),
            "Embedded 53 pages/cpu s185496 r0 d31592 u1048576"
        );
    }

    #[test]
    fn empty_units_are_dashes() {
        // 8 * 3 + 1 + 3 = 28 columns: two allocations a line.
        assert_eq!(
            dump(&Sizes::new(100 << 10), &Topology::uniform(13, 1).unwrap()),
            "pcpu-alloc: s102400 r8192 d28672 u262144 alloc=1*2097152\n\
             pcpu-alloc: [0] 00 01 02 03 04 05 06 07 [0] 08 09 10 11 12 -- -- --"
        );
        // 4 * 2 + 1 + 3 = 12 columns: five would fit, four are a power of two.
        assert_eq!(
            dump(&Sizes::new(72 << 10), &Topology::uniform(6, 2).unwrap()),
            "pcpu-alloc: s73728 r8192 d28672 u524288 alloc=1*2097152\n\
             pcpu-alloc: [0] 0 1 2 - [1] 3 4 5 -"
        );
    }

    #[test]
    fn lines_wrap() {
        // 2 + 1 + 3 = 6 columns an allocation: ten would fit, eight are put.
        assert_eq!(
            dump(&Sizes::new(1024).atom(4096), &Topology::uniform(9, 1).unwrap()),
            "pcpu-alloc: s1024 r8192 d31744 u40960 alloc=10*4096\n\
             pcpu-alloc: [0] 0 [0] 1 [0] 2 [0] 3 [0] 4 [0] 5 [0] 6 [0] 7\n\
             pcpu-alloc: [0] 8"
        );
        // 16 * 4 + 1 + 3 = 68 columns: too wide, and still one a line.
        let wide = dump(&Sizes::new(72 << 10), &Topology::uniform(128, 1).unwrap());
        assert_eq!(wide.lines().count(), 1 + 128 / 16);
        assert!(
            wide.ends_with("[0] 112 113 114 115 116 117 118 119 120 121 122 123 124 125 126 127")
        );
    }

    #[test]
    fn group_numbers_are_padded() {
        let text = dump(&Sizes::new(72 << 10), &Topology::uniform(12, 12).unwrap());
        // 3 + 2 + 3 = 8 columns: seven would fit, four are put.
        assert_eq!(text.lines().nth(1).unwrap(), "pcpu-alloc: [00] 00 [01] 01 [02] 02 [03] 03");
        assert_eq!(text.lines().count(), 1 + 3);
    }

    #[test]
    fn sparse_numbers_are_shown_whole() {
        let machine = Topology::builder().cpus([0, 2, 5, 700]).build().unwrap();
        assert!(dump(&Sizes::new(72 << 10), &machine).ends_with("pcpu-alloc: [0] 0 2 5 700"));
    }

    #[test]
    fn widths() {
        assert_eq!([0, 1, 9, 10, 99, 100].map(digits), [1, 1, 1, 2, 2, 3]);
        assert_eq!(allocs_per_line(1, 1, 1), 8);
        assert_eq!(allocs_per_line(2, 1, 1), 4);
        assert_eq!(allocs_per_line(13, 3, 2), 1);
        assert_eq!(allocs_per_line(1000, 4, 1), 1);
    }
}
