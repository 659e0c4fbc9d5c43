//! A sum in each row, so that a value that turned over on the disk is told of and not believed.
//!
//! Whatever table has a column `sum INTEGER` is looked after: triggers of the writing connection put the sum of the other
//! columns there. The rows of every start and every wait bring theirs along, which costs less. A row that was damaged
//! before it is changed keeps a sum that does not fit. Lines and snapshots have longer sums of their own.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use xxhash_rust::xxh3::Xxh3;

use super::fault::Fault;
use crate::finding::Finding;

/// Their statements name the sum themselves.
const BY_HAND: [&str; 2] = ["run", "wake"];

/// A table with sums.
struct Summed {
    name: String,
    /// Each quoted; without the sum, and without what follows from the others.
    columns: Vec<String>,
    /// By what a row is found.
    key: Vec<String>,
}

/// `row_sum(…)`: 32 bits over values and their kinds, against decay and not against people.
pub(super) fn teach(connection: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("row_sum", -1, flags, |values| {
        let mut sum = Xxh3::new();
        for place in 0..values.len() {
            add(&mut sum, values.get_raw(place));
        }
        Ok(sum.digest() as i32)
    })
}

fn add(sum: &mut Xxh3, value: ValueRef<'_>) {
    let mut bytes = |kind: u8, bytes: &[u8]| {
        sum.update(&[kind]);
        sum.update(&(bytes.len() as u64).to_le_bytes());
        sum.update(bytes);
    };
    match value {
        ValueRef::Null => bytes(0, &[]),
        ValueRef::Integer(number) => bytes(1, &number.to_le_bytes()),
        ValueRef::Real(number) => bytes(2, &number.to_bits().to_le_bytes()),
        ValueRef::Text(text) => bytes(3, text),
        ValueRef::Blob(blob) => bytes(4, blob),
    }
}

/// From now on what this connection writes has its sum.
pub(super) fn keep(connection: &Connection) -> rusqlite::Result<()> {
    for table in tables(connection)?.iter().filter(|table| !BY_HAND.contains(&&*table.name)) {
        let (name, new, old) = (&table.name, table.sum("new."), table.sum("old."));
        let found = table.found("new.");
        let write = format!("BEGIN UPDATE main.\"{name}\" SET sum = {new} WHERE {found}; END");
        connection.execute_batch(&format!(
            "CREATE TEMP TRIGGER \"{name}_new\" AFTER INSERT ON main.\"{name}\" {write};
             CREATE TEMP TRIGGER \"{name}_changed\" AFTER UPDATE OF {} ON main.\"{name}\" WHEN old.sum = {old} {write};",
            table.columns.join(", ")
        ))?;
    }
    Ok(())
}

/// Sums for what has none, after a migration; for all that is there, where there were none before it. A row that was damaged
/// since it got its sum must not get another that fits.
pub(super) fn fill(connection: &Connection, all: bool) -> rusqlite::Result<()> {
    let which = if all { "" } else { " WHERE sum IS NULL" };
    for table in tables(connection)? {
        connection.execute_batch(&format!("UPDATE \"{}\" SET sum = {}{which}", table.name, table.sum("")))?;
    }
    Ok(())
}

pub(super) fn damaged(connection: &Connection) -> Result<Vec<Finding>, Fault> {
    let mut found = Vec::new();
    for table in tables(connection)? {
        let sql = format!("SELECT count(*) FROM \"{}\" WHERE sum IS NOT {}", table.name, table.sum(""));
        let rows: u32 = connection.query_row(&sql, [], |row| row.get(0))?;
        if rows > 0 {
            found.push(Finding::DamagedRows { table: table.name, rows });
        }
    }
    Ok(found)
}

impl Summed {
    fn sum(&self, of: &str) -> String {
        let columns: Vec<_> = self.columns.iter().map(|column| format!("{of}{column}")).collect();
        format!("row_sum({})", columns.join(", "))
    }

    fn found(&self, of: &str) -> String {
        let key: Vec<_> = self.key.iter().map(|column| format!("{column} = {of}{column}")).collect();
        key.join(" AND ")
    }
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<Summed>> {
    let names =
        "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name";
    let mut names = connection.prepare(names)?;
    let names = names.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?;
    let mut tables = Vec::new();
    for named in names {
        let (name, has_no_rowid) = named?;
        tables.extend(table(connection, name, has_no_rowid)?);
    }
    Ok(tables)
}

/// None where it has no sums.
fn table(connection: &Connection, name: String, has_no_rowid: bool) -> rusqlite::Result<Option<Summed>> {
    let mut statement =
        connection.prepare("SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY cid")?;
    let mut rows = statement.query([&name])?;
    let (mut columns, mut key, mut has_sums) = (Vec::new(), Vec::new(), false);
    while let Some(row) = rows.next()? {
        let (column, kind, place): (String, String, u32) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if column == "sum" {
            has_sums = kind == "INTEGER";
            continue;
        }
        let column = format!("\"{column}\"");
        if has_no_rowid && place > 0 {
            key.push(column.clone());
        }
        columns.push(column);
    }
    if !has_no_rowid {
        key.push("rowid".to_owned());
    }
    Ok(has_sums.then_some(Summed { name, columns, key }))
}
