//! What is refused to a program, in the language that its request asks for. Without a wish it is English, which the manual and
//! the pages of errors quote; the code is the same in both.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response as Answer, header};
use axum::middleware::Next;
use axum::response::Response;
use yizhan_workflow::problem::{Lang, retold};

use super::{Problem, Refusal};
use crate::pages::is_for_programs;
use crate::words::first_spoken;

pub(crate) async fn in_theirs(request: Request, next: Next) -> Response {
    let wanted = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|wanted| wanted.to_str().ok());
    let zh = wanted.and_then(first_spoken) == Some(Lang::Zh) && is_for_programs(request.uri().path());
    let answer = next.run(request).await;
    let refusal = answer.extensions().get::<Arc<Refusal>>().cloned();
    match refusal.filter(|_| zh) {
        Some(refusal) => told(&refusal, answer),
        None => answer,
    }
}

fn told(refusal: &Refusal, answer: Response) -> Response {
    let (mut parts, _) = answer.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static("zh"));
    Answer::from_parts(parts, Body::from(serde_json::to_vec(&in_chinese(refusal)).unwrap_or_default()))
}

fn in_chinese(refusal: &Refusal) -> Problem {
    let mut problem = refusal.problem();
    if let Some(told) = retold(&problem.code, &problem.detail, Lang::Zh) {
        // What the catalogue has no place for is added as it came: nothing that was known is lost.
        let came = if told.whole { String::new() } else { format!("({})", problem.detail) };
        problem.detail = format!("{}{came}", told.sentence);
        problem.help = Some(told.help.join(";")).filter(|help| !help.is_empty());
    }
    if let Refusal::Fields(faults) = refusal {
        let all: Vec<String> = faults.iter().map(|fault| fault.sentence(Lang::Zh)).collect();
        problem.detail = all.join(";");
        for (field, said) in problem.fields.iter_mut().zip(all) {
            field.message = said;
        }
    }
    problem
}
