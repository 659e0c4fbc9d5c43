use super::*;
pub(super) fn moment(_: &str) -> Result<MomentText, MomentFault> {
    todo!()
}
pub(super) fn length(_: &str) -> Result<Span, MomentFault> {
    todo!()
}
