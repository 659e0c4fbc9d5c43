//! What is in force outside the runs, from the settings.

use std::sync::Arc;

use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::moment::Span;
use yizhan_workflow::people::People;
use yizhan_workflow::plan::Retry;
use yizhan_workflow::run::World;

use crate::config::Config;
use crate::exit::{Exit, Failure};

pub(crate) fn world(
    config: &Config,
    address: Option<&str>,
    people: Arc<People>,
    calendars: Arc<Calendars>,
    catalogue: Catalogue,
) -> Result<World, Failure> {
    let zone = config.zone().map_err(|error| Failure::of(Exit::Failed, error.code(), &error))?;
    let url = if config.url.is_empty() { address } else { Some(config.url.as_str()) };
    let retry = &config.retry;
    Ok(World {
        number: 1,
        calendars,
        zone,
        catalogue: Arc::new(catalogue),
        people,
        registers: Arc::default(),
        retry: Retry {
            times: retry.times,
            first: Span { ms: retry.first.ms },
            factor: retry.factor,
            most: retry.most,
            jitter: retry.jitter,
        },
        owner: (!config.owner.is_empty()).then(|| config.owner.as_str().into()),
        url: url.map(Into::into),
    })
}
