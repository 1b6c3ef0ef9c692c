//! The run as tables for a README, or as JSON.

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use percpu_benches::contender::Counter;
use percpu_benches::job::Group;
use percpu_benches::rivals::Floor;

use crate::acceptance::Row;
use crate::measure::Run;

/// Two tables for each group (what each costs; how many times faster ours is),
/// then the acceptance.
pub(crate) fn text(run: &Run, rows: &[Row]) -> String {
    let mut text = format!("{}\n", setting(run));
    for group in Group::ALL {
        text += &format!("\n### {group}\n\n{}\n", costs(run, group));
        if run.group(group).any(|m| m.ours) {
            text += &format!("\nTimes faster than, by medians:\n\n{}\n", factors(run, group));
        }
    }
    text += "\n### acceptance\n\n";
    for row in rows {
        text += &format!("{row}\n");
    }
    text
}

/// Everything as one JSON object.
pub(crate) fn json(run: &Run, rows: &[Row]) -> String {
    let all = serde_json::json!({ "run": run, "acceptance": rows });
    format!("{all:#}\n")
}

fn setting(run: &Run) -> String {
    let runs = run.results.first().map_or(0, |m| m.one.runs);
    let cpus: Vec<String> = run
        .cpus
        .iter()
        .map(|cpu| cpu.map_or_else(|| "any".into(), |cpu| cpu.to_string()))
        .collect();
    let model = run.model.as_deref().unwrap_or("unknown CPU");
    let crowd = match run.crowd {
        0 => String::new(),
        crowd => format!(", beside {crowd} sleeping threads that used all of it before"),
    };
    format!(
        "{model}: ns per operation per thread, {runs} interleaved runs, \
         one thread and two (pinned to CPU {}){crowd}",
        cpus.join(" and ")
    )
}

fn costs(run: &Run, group: Group) -> Table {
    let mut table = table([
        "contender",
        "1 thread median",
        "min",
        "2 threads median",
        "min",
        "x floor",
        "2 threads / 1",
    ]);
    let floor = run.find(group, Floor::NAME).map(|floor| floor.one.median);
    for m in run.group(group) {
        table.add_row([
            m.name.to_owned(),
            format!("{:.2}", m.one.median),
            format!("{:.2}", m.one.min),
            format!("{:.2}", m.two.median),
            format!("{:.2}", m.two.min),
            floor.map_or_else(String::new, |floor| format!("{:.1}", m.one.median / floor)),
            format!("{:.2}", m.two.median / m.one.median),
        ]);
    }
    align(table)
}

/// A row for each rival, and two columns (one thread, two threads) for each of ours.
fn factors(run: &Run, group: Group) -> Table {
    let ours: Vec<_> = run.group(group).filter(|m| m.ours).collect();
    let mut header = vec!["rival".to_owned()];
    header.extend(ours.iter().flat_map(|m| [m.name.to_owned(), "2 threads".to_owned()]));
    let mut table = table(header);
    for rival in run.group(group).filter(|m| !m.ours) {
        let mut row = vec![rival.name.to_owned()];
        row.extend(ours.iter().flat_map(|m| {
            [
                format!("{:.1}", rival.one.median / m.one.median),
                format!("{:.1}", rival.two.median / m.two.median),
            ]
        }));
        table.add_row(row);
    }
    align(table)
}

fn table<T: Into<comfy_table::Row>>(header: T) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(header);
    table
}

fn align(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
