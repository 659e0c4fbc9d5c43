//! Why something that came in started no run, in the language of the house.

use yizhan_engine::StartError;
use yizhan_engine::intake::IntakeError;

use crate::language::Language;

/// Faults of fields that are told; a list of a thousand is read by nobody.
const FAULTS_MOST: usize = 20;

pub(crate) fn of_start(error: &StartError, language: Language) -> String {
    match error {
        StartError::Intake(error) => of_intake(error, language),
        StartError::KeyHeld { by } => {
            language.pick(format!("{by} 已占用这个案件编号"), format!("{by} holds this key"))
        }
        StartError::NoSuchWorkflow(name) => {
            language.pick(format!("没有流程 `{name}`"), format!("there is no workflow `{name}`"))
        }
        StartError::Gathered { most } => language.pick(
            format!("已有 {most} 次触发攒着等开始,不再收"),
            format!("{most} firings are gathered and wait for their run; no more are kept"),
        ),
        // Told of ourselves, not of what came in.
        StartError::FiredBefore { .. } | StartError::Act(_) => error.to_string(),
    }
}

pub(crate) fn of_intake(error: &IntakeError, language: Language) -> String {
    match error {
        IntakeError::Fields(faults) => {
            let told = faults.iter().take(FAULTS_MOST).map(|fault| fault.sentence(language.lang()));
            told.collect::<Vec<_>>().join(language.pick(";", "; "))
        }
        IntakeError::NotAnObject(why) => language.pick(
            format!("内容不是带字段的对象:{why}"),
            format!("the input is not an object with fields: {why}"),
        ),
        IntakeError::TooLarge { bytes, most } => language.pick(
            format!("内容有 {bytes} 字节,最多 {most} 字节"),
            format!("what was brought has {bytes} bytes; {most} are allowed"),
        ),
        IntakeError::NoSuchTrigger(name) => {
            language.pick(format!("流程没有触发器 `{name}`"), format!("the workflow has no trigger `{name}`"))
        }
        // Expressions speak the language of the house by themselves.
        IntakeError::Expression(_) | IntakeError::LeftOut => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use yizhan_workflow::id::RunId;

    use super::*;

    #[test]
    fn a_reason_speaks_one_language() {
        let refused = [
            StartError::KeyHeld { by: RunId::from_number(7) },
            StartError::NoSuchWorkflow("order".to_owned()),
            StartError::Gathered { most: 7 },
            StartError::Intake(IntakeError::TooLarge { bytes: 8, most: 7 }),
            StartError::Intake(IntakeError::NotAnObject("[1]".to_owned())),
            StartError::Intake(IntakeError::NoSuchTrigger("mail".to_owned())),
        ];
        let wide = |text: &str| text.chars().any(|sign| ('\u{4e00}'..'\u{a000}').contains(&sign));
        for error in refused {
            assert!(wide(&of_start(&error, Language::Zh)), "{error}");
            assert_eq!(of_start(&error, Language::En), error.to_string());
        }
    }
}
