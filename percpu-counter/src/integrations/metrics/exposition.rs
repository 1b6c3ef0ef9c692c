//! The text format of Prometheus, version 0.0.4.
//!
//! Names lose what the format does not allow: each such character becomes `_`, and a
//! digit in front gets one before it. Two metrics whose names are the same after that
//! are one family with two samples, which Prometheus refuses if their labels are the
//! same, too.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter, Write};

use super::distribution::Distribution;
use super::snapshot::{Metric, Snapshot, Value};

/// The text format of Prometheus, version 0.0.4; histograms are summaries. Units are not
/// in it.
impl Display for Snapshot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut families = BTreeMap::<_, Vec<&Metric>>::new();
        for metric in self {
            let name = name(metric.key.name(), |c| c == ':');
            families.entry((name, metric.value.kind())).or_default().push(metric);
        }
        for ((name, kind), metrics) in families {
            if let Some(help) = metrics.iter().find_map(|metric| metric.description()) {
                writeln!(f, "# HELP {name} {}", Escaped(help, false))?;
            }
            writeln!(f, "# TYPE {name} {kind}")?;
            for metric in metrics {
                self.samples(f, &name, metric)?;
            }
        }
        Ok(())
    }
}

impl Snapshot {
    fn samples(&self, f: &mut Formatter<'_>, name: &str, metric: &Metric) -> fmt::Result {
        let mut labels: Vec<_> = metric.key.labels().collect();
        labels.sort();
        let labels = labels.iter().map(|label| (label.key(), Cow::from(label.value())));
        let labels: Vec<_> = labels.collect();
        match &metric.value {
            Value::Counter(value) => writeln!(f, "{name}{} {value}", Labels(&labels)),
            Value::Gauge(value) => writeln!(f, "{name}{} {}", Labels(&labels), Number(*value)),
            Value::Histogram(seen) => self.summary(f, name, labels, seen),
        }
    }

    fn summary<'a>(
        &self,
        f: &mut Formatter<'_>,
        name: &str,
        mut labels: Vec<(&'a str, Cow<'a, str>)>,
        seen: &Distribution,
    ) -> fmt::Result {
        for &q in &self.quantiles {
            labels.push(("quantile", q.to_string().into()));
            // Of nothing there is no quantile.
            let value = if seen.count() == 0 { f64::NAN } else { seen.quantile(q) };
            writeln!(f, "{name}{} {}", Labels(&labels), Number(value))?;
            labels.pop();
        }
        writeln!(f, "{name}_sum{} {}", Labels(&labels), Number(seen.sum()))?;
        writeln!(f, "{name}_count{} {}", Labels(&labels), seen.count())
    }
}

/// `text` as a name: letters, digits, `_`, and what is `allowed` too.
fn name(text: &str, allowed: impl Fn(char) -> bool) -> String {
    let digit_first = text.starts_with(|c: char| c.is_ascii_digit());
    let front = (digit_first || text.is_empty()).then_some('_');
    let fits = |c: char| c.is_ascii_alphanumeric() || allowed(c);
    front.into_iter().chain(text.chars().map(|c| if fits(c) { c } else { '_' })).collect()
}

struct Labels<'a>(&'a [(&'a str, Cow<'a, str>)]);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (n, (key, value)) in self.0.iter().enumerate() {
            let before = if n == 0 { '{' } else { ',' };
            write!(f, "{before}{}=\"{}\"", name(key, |_| false), Escaped(value, true))?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_char('}') }
    }
}

/// A help text, or, within quotes, a label's value.
struct Escaped<'a>(&'a str, bool);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(text, quoted) = *self;
        text.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '\n' => f.write_str("\\n"),
            '"' if quoted => f.write_str("\\\""),
            c => f.write_char(c),
        })
    }
}

struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value => value.fmt(f),
        }
    }
}
