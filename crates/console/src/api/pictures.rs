//! A workflow as people look at it: drawn, and in sentences.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::prose;

use super::Looking;
use super::runs::{self, Tongue, current};
use crate::body::{Answer, Asked, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::graph::svg::{Marks, svg};
use crate::graph::{mermaid, run as drawing};
use crate::refusal::Refusal;
use crate::view::RunView;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct PictureView {
    /// A picture as SVG.
    svg: String,
    /// The same for what draws Mermaid.
    mermaid: String,
}

pub(crate) async fn picture(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Asked(asked): Asked<Tongue>,
) -> Result<Answer<PictureView>, Refusal> {
    caller.must(Role::Viewer, &name)?;
    let text = current(&desk, &name)?;
    let lang = desk.language(asked.lang).lang();
    let drawn = desk.read(move |_| {
        Ok(PictureView { svg: svg(&text, lang, &Marks::default()), mermaid: mermaid(&text, lang) })
    });
    drawn.await.map(Answer)
}

/// A run's picture: its workflow with where each step stands, under the titles that are for whoever looks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RunPicture {
    /// A picture as SVG.
    svg: String,
}

pub(crate) async fn of_run(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Asked(asked): Asked<Tongue>,
) -> Result<Answer<RunPicture>, Refusal> {
    let language = desk.language(asked.lang);
    let looking = Asked(Looking::in_language(language));
    let view = runs::show(State(desk.clone()), caller.clone(), Named(name.clone()), looking).await?.0;
    let view: RunView = serde_json::from_str(view.get())
        .map_err(|error| Refusal::bug("a run cannot be read as it is sent", &error))?;
    let titles = drawing::titles(&view.steps);
    let drawn = desk.read(move |desk| {
        let id = runs::run_named(desk, &caller, Role::Viewer, &name)?;
        drawing::of(desk, id, &titles, language.lang())
    });
    drawn.await.map(|drawn| Answer(RunPicture { svg: drawn.picture }))
}

/// What a workflow says, in sentences.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ReadingView {
    name: String,
    title: String,
    /// Whose it is, and what makes two cases one.
    about: Vec<String>,
    starts: Vec<String>,
    /// The start form, a field each.
    input: Vec<String>,
    steps: Vec<SaidView>,
    on_cancel: Vec<SaidView>,
    on_failure: Vec<SaidView>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SaidView {
    /// `3.1`: the first step that the third holds.
    number: String,
    step: String,
    title: String,
    sentences: Vec<String>,
}

pub(crate) async fn reading(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Asked(asked): Asked<Tongue>,
) -> Result<Answer<ReadingView>, Refusal> {
    caller.must(Role::Viewer, &name)?;
    let text = current(&desk, &name)?;
    let lang = desk.language(asked.lang).lang();
    let prose::Reading { name, title, about, starts, input, steps, on_cancel, on_failure } =
        prose::reading(&text, &desk.shared().world().registers, lang);
    let said = |all: Vec<prose::Said>| {
        let one =
            |prose::Said { number, step, title, sentences }| SaidView { number, step, title, sentences };
        all.into_iter().map(one).collect()
    };
    Ok(Answer(ReadingView {
        name,
        title,
        about,
        starts,
        input,
        steps: said(steps),
        on_cancel: said(on_cancel),
        on_failure: said(on_failure),
    }))
}
