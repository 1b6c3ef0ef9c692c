//! What a person sees: progress on stderr, the report on stdout.
//!
//! On a terminal progress is one line that changes; elsewhere it is a few plain
//! lines. Neither stream can make the program panic: a reader of stdout that
//! has seen enough (`| head`) ends the report, not the checks.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::error::Error;

/// The report's way out.
#[derive(Debug)]
pub struct Out {
    closed: bool,
}

impl Out {
    /// Onto stdout.
    #[allow(clippy::new_without_default)] // there is one stdout
    pub fn new() -> Out {
        Out { closed: false }
    }

    /// Prints a block of lines.
    ///
    /// # Errors
    ///
    /// [`Error::Output`], such as on a full disk; not when the pipe is closed.
    pub fn print(&mut self, block: &str) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{block}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other.map_err(Error::Output),
        }
    }
}

/// Bytes loaded so far.
#[derive(Debug)]
pub struct LoadProgress {
    bar: Option<ProgressBar>,
    total: u64,
    done: u64,
    /// The next quarter to tell in plain lines.
    quarter: u64,
}

impl LoadProgress {
    /// Of `total` bytes.
    pub fn new(total: u64) -> LoadProgress {
        let bar = io::stderr().is_terminal().then(|| {
            ProgressBar::new(total).with_style(style(
                "loading {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
            ))
        });
        LoadProgress { bar, total, done: 0, quarter: 1 }
    }

    /// So many more.
    pub fn add(&mut self, bytes: u64) {
        self.done += bytes;
        match &self.bar {
            Some(bar) => bar.inc(bytes),
            None if self.done * 4 >= self.total * self.quarter => {
                let (done, total) = (HumanBytes(self.done), HumanBytes(self.total));
                say(&format!("loading: {done} of at most {total}"));
                self.quarter = self.done * 4 / self.total.max(1) + 1;
            }
            None => {}
        }
    }
}

impl Drop for LoadProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The line that lives while serving.
#[derive(Debug)]
pub struct LiveLine {
    bar: Option<ProgressBar>,
    last_plain: Instant,
}

/// Plain lines come this seldom.
const PLAIN_EVERY: Duration = Duration::from_secs(2);

impl LiveLine {
    /// Its place on the screen.
    pub fn new() -> LiveLine {
        let bar = io::stderr()
            .is_terminal()
            .then(|| ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}")));
        LiveLine { bar, last_plain: Instant::now() }
    }

    /// The newest words.
    pub fn show(&mut self, line: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(line.to_owned());
                bar.tick();
            }
            None if self.last_plain.elapsed() >= PLAIN_EVERY => {
                self.last_plain = Instant::now();
                say(line);
            }
            None => {}
        }
    }
}

impl Default for LiveLine {
    fn default() -> LiveLine {
        LiveLine::new()
    }
}

impl Drop for LiveLine {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// One line on stderr, if anybody listens.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
