//! Describes the per-CPU areas of this machine, or of one that is not there.
//!
//! ```text
//! percpu-info
//! percpu-info --cpus 64 --nodes 4 --static 72K --reserved 8K --dynamic 28K --atom 2M --page 4K
//! ```

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;
use percpu_core::{AddressSpace, Layout, Sizes, Topology};
use percpu_examples::{bytes, draw};

/// Describes the per-CPU areas of this machine, or draws those of a machine
/// that is not there.
///
/// Sizes take a suffix K, M or G.
#[derive(Debug, Parser)]
#[command(name = "percpu-info", version)]
struct Args {
    /// A machine of so many CPUs, numbered from 0, instead of this one
    #[arg(long, value_name = "COUNT")]
    cpus: Option<u32>,

    /// Spread them evenly over so many NUMA nodes [default: 1]
    #[arg(long, value_name = "COUNT", requires = "cpus")]
    nodes: Option<u32>,

    /// Bytes of static per-CPU variables [default: 72K]
    #[arg(long = "static", value_name = "SIZE", value_parser = bytes::parse)]
    static_size: Option<usize>,

    /// Bytes reserved for the statics of plug-ins, a multiple of 4 [default: 8K]
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse)]
    reserved: Option<usize>,

    /// The least bytes for dynamic allocation [default: 28K]
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse)]
    dynamic: Option<usize>,

    /// The floor under that; 12K in older kernels [default: 20K]
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse)]
    early_minimum: Option<usize>,

    /// Memory is taken in multiples of this power of two [default: 2M]
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse)]
    atom: Option<usize>,

    /// The size of a page, a power of two [default: 4K]
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse)]
    page: Option<usize>,

    /// The floor of a unit [default: 32K]
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse)]
    minimum_unit: Option<usize>,

    /// Says whether chunks have room in so much address space
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse)]
    address_space: Option<usize>,
}

/// How one of the sizes is set.
type Setter = fn(Sizes, usize) -> Sizes;

const DEFAULT_STATIC: usize = 72 << 10;

impl Args {
    /// The sizes asked for; `None` if none was.
    fn sizes(&self) -> Option<Sizes> {
        let parts = [self.static_size, self.reserved, self.dynamic, self.early_minimum];
        let rules = [self.atom, self.page, self.minimum_unit];
        parts.iter().chain(&rules).any(Option::is_some).then(|| {
            let mut sizes = Sizes::new(self.static_size.unwrap_or(DEFAULT_STATIC));
            let set: [(Option<usize>, Setter); 6] = [
                (self.reserved, Sizes::reserved),
                (self.dynamic, Sizes::dynamic),
                (self.early_minimum, Sizes::dynamic_early_minimum),
                (self.atom, Sizes::atom),
                (self.page, Sizes::page),
                (self.minimum_unit, Sizes::minimum_unit),
            ];
            for (value, set) in set {
                if let Some(value) = value {
                    sizes = set(sizes, value);
                }
            }
            sizes
        })
    }
}

/// What is described: a machine, where its layout comes from, and the layout.
struct Description {
    title: String,
    topology: Topology,
    layout: Layout,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let description = match describe(&args) {
        Ok(description) => description,
        Err(error) => {
            eprintln!("percpu-info: {error}");
            return ExitCode::from(2);
        }
    };
    match print(&description, args.address_space) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough, as in `percpu-info | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("percpu-info: cannot write: {error}");
            ExitCode::FAILURE
        }
    }
}

fn describe(args: &Args) -> Result<Description, Box<dyn Error>> {
    let sizes = args.sizes();
    match (args.cpus, sizes) {
        (None, None) => this_process(),
        (cpus, sizes) => {
            let (title, topology) = match cpus {
                Some(cpus) => {
                    let machine = Topology::uniform(cpus, args.nodes.unwrap_or(1))?;
                    ("A machine that is not here", machine)
                }
                None => ("This machine, with the sizes given", Topology::detect()),
            };
            let sizes = sizes.unwrap_or(Sizes::new(DEFAULT_STATIC));
            let layout = Layout::build(&sizes, &topology)?;
            Ok(Description { title: title.to_owned(), topology, layout })
        }
    }
}

/// What this process runs on and how its own areas lie.
fn this_process() -> Result<Description, Box<dyn Error>> {
    let info = percpu_core::info()?;
    let mut title = format!("This machine\n\nMode: {}", info.mode());
    for warning in info.warnings() {
        // Writing to a `String` does not fail.
        let _ = write!(title, "\nWarning: {warning}");
    }
    Ok(Description { title, topology: info.topology().clone(), layout: info.layout().clone() })
}

/// Whether chunks have room in an address space of `space` bytes with nothing else
/// in it, and where the first one would lie.
fn room(layout: &Layout, space: usize) -> String {
    let shown = bytes::show(space);
    if let Err(error) = layout.fits(space) {
        return format!("No room in {shown} of address space: {error}");
    }
    let empty = AddressSpace::new(0..space, layout.page_size());
    match empty.find(&layout.areas(), layout.atom_size()) {
        Ok(base) => {
            format!("Room in {shown} of address space: the first chunk at {}", bytes::show(base))
        }
        Err(error) => format!("No room in {shown} of address space: {error}"),
    }
}

fn print(description: &Description, space: Option<usize>) -> io::Result<()> {
    let Description { title, topology, layout } = description;
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let width: usize = width.unwrap_or(80);

    let mut out = String::new();
    // Writing to a `String` does not fail.
    let _ = writeln!(out, "{title}\n\n{topology}\n{}\n", topology.report_line());
    let _ = writeln!(out, "Layout of the first chunk\n\n{layout}\n{}", layout.embedded_line());
    let _ = writeln!(
        out,
        "{} units of {}, {} of them empty; {} of address space\n",
        layout.nr_units(),
        bytes::show(layout.unit_size()),
        layout.wasted_units(),
        bytes::show(layout.span())
    );
    if let Some(space) = space {
        let _ = writeln!(out, "{}\n", room(layout, space));
    }
    let _ = writeln!(out, "One unit\n\n{}", draw::unit(layout, width));
    let _ = write!(out, "Units by group\n\n{}", draw::groups(layout, width));

    let mut stdout = io::stdout().lock();
    stdout.write_all(out.as_bytes())?;
    stdout.flush()
}
