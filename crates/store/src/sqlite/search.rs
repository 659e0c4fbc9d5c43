//! Runs by a text: what they are found by is looked through, the newest first, and of those that have it the rows are
//! looked at. Where most of those do not fit the rest of the question, it goes the other way round.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, params};
use yizhan_engine::store::{RunFilter, RunRow};
use yizhan_workflow::id::{Millis, RunId};

use super::fault::Fault;
use super::lots::Lot;
use super::runs::Place;
use super::{rows, runs};
use crate::search::Needles;

/// Rows that are looked at before the other way is taken.
const LOOKED: usize = 2_000;
/// Places of the rest of the question whose texts are looked at together, then: each time the lots of that time are read.
const GIVEN: usize = 20_000;

/// What is looked for, and behind which place.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) filter: &'a RunFilter,
    pub(super) needles: &'a Needles,
    pub(super) after: Option<Place>,
}

/// The newest, at most so many.
pub(super) fn find(connection: &Connection, asked: Asked<'_>, most: usize) -> Result<Vec<RunRow>, Fault> {
    // Of one moment: nothing is missed that is put into a lot meanwhile.
    let moment = connection.unchecked_transaction()?;
    match by_text(&moment, asked, most)? {
        Some(found) => Ok(found),
        None => by_the_rest(&moment, asked, most),
    }
}

/// None where too much has the text and does not fit.
fn by_text(connection: &Connection, asked: Asked<'_>, most: usize) -> Result<Option<Vec<RunRow>>, Fault> {
    let mut newest = Newest { connection, asked, most, rows: BTreeMap::new(), seen: HashSet::new() };
    newest.take(last_ones(connection, asked.needles)?)?;
    let until = asked.after.map_or(i64::MAX, |(Millis(started), _)| started);
    let sql = "SELECT oldest, newest, body, sum FROM found_by_lot INDEXED BY found_by_lot_by_start
               WHERE oldest <= ?1 ORDER BY newest DESC, id DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let mut lots = statement.query([until])?;
    while let Some(row) = lots.next()? {
        if newest.seen.len() > LOOKED || newest.is_full_before(Millis(row.get(1)?)) {
            break;
        }
        newest.take(in_lot(&Lot::read(row)?, asked.needles))?;
    }
    Ok((newest.seen.len() <= LOOKED).then(|| newest.rows.into_values().collect()))
}

/// The newest that were found so far.
struct Newest<'a> {
    connection: &'a Connection,
    asked: Asked<'a>,
    most: usize,
    rows: BTreeMap<Reverse<Place>, RunRow>,
    /// Those that were looked at: a run may be found by several things.
    seen: HashSet<RunId>,
}

impl Newest<'_> {
    fn take(&mut self, mut places: Vec<Place>) -> Result<(), Fault> {
        places.sort_unstable_by_key(|place| Reverse(*place));
        for place in places {
            let full = self.rows.len() >= self.most;
            let last = self.rows.last_key_value().map(|(Reverse(last), _)| *last).filter(|_| full);
            if last.is_some_and(|last| place <= last) || self.seen.len() > LOOKED {
                return Ok(());
            }
            if self.asked.after.is_none_or(|after| place < after) && self.seen.insert(place.1) {
                let row = runs::fits(self.connection, self.asked.filter, place.1)?;
                self.rows.extend(row.map(|row| (Reverse(place), row)));
                while self.rows.len() > self.most {
                    self.rows.pop_last();
                }
            }
        }
        Ok(())
    }

    /// There are as many as are wanted, and nothing that began by this instant comes before them.
    fn is_full_before(&self, newest: Millis) -> bool {
        let last = self.rows.last_key_value().map(|(Reverse((started, _)), _)| *started);
        self.rows.len() >= self.most && last.is_some_and(|last| last > newest)
    }
}

fn by_the_rest(connection: &Connection, asked: Asked<'_>, most: usize) -> Result<Vec<RunRow>, Fault> {
    let (mut found, mut given) = (Vec::new(), Vec::with_capacity(GIVEN));
    let mut judge = |given: &mut Vec<Place>| {
        let with_text = with_text(connection, asked.needles, given)?;
        for (_, run) in given.drain(..).filter(|(_, run)| with_text.contains(run)) {
            if found.len() < most {
                found.extend(runs::fits(connection, asked.filter, run)?);
            }
        }
        Ok::<_, Fault>(found.len() < most)
    };
    runs::places(connection, asked.filter, asked.after, |place| {
        given.push(place);
        if given.len() < GIVEN { Ok(true) } else { judge(&mut given) }
    })?;
    judge(&mut given)?;
    Ok(found)
}

/// Which of these, in the order of lists, have the text.
fn with_text(connection: &Connection, needles: &Needles, given: &[Place]) -> Result<HashSet<RunId>, Fault> {
    let (Some((newest, _)), Some((oldest, _))) = (given.first(), given.last()) else {
        return Ok(HashSet::new());
    };
    let among: HashSet<RunId> = given.iter().map(|(_, run)| *run).collect();
    let mut found: HashSet<RunId> = HashSet::new();
    let mut take = |places: Vec<Place>| {
        found.extend(places.into_iter().map(|(_, run)| run).filter(|run| among.contains(run)));
    };
    take(last_ones(connection, needles)?);
    let sql = "SELECT oldest, newest, body, sum FROM found_by_lot INDEXED BY found_by_lot_by_start
               WHERE newest >= ?1 AND oldest <= ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut lots = statement.query(params![oldest.0, newest.0])?;
    while let Some(row) = lots.next()? {
        take(in_lot(&Lot::read(row)?, needles));
    }
    Ok(found)
}

/// Those that are in no lot yet.
fn last_ones(connection: &Connection, needles: &Needles) -> Result<Vec<Place>, Fault> {
    let mut statement = connection.prepare_cached("SELECT run, started, entry FROM found_by")?;
    let mut rows = statement.query([])?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = row.get_ref(2)?.as_bytes().map_err(rusqlite::Error::from)?;
        if needles.are_in(entry) {
            places.push((rows::instant(row, 1)?, rows::run_id(row, 0)?));
        }
    }
    Ok(places)
}

fn in_lot(lot: &Lot<'_>, needles: &Needles) -> Vec<Place> {
    let fits = |at: &usize| needles.are_in(lot.entry(*at));
    let Some(places) = needles.places(lot.entries) else {
        return (0..lot.count()).filter(fits).map(|at| lot.place(at)).collect();
    };
    let (mut found, mut from) = (Vec::new(), 0);
    for byte in places {
        let at = lot.at_byte(byte, from);
        if at >= from && at < lot.count() {
            found.extend(Some(at).filter(fits).map(|at| lot.place(at)));
            from = at + 1;
        }
    }
    found
}
