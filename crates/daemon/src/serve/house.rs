//! What the console needs of the daemon.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::{mpsc, oneshot};
use yizhan_access::Head;
use yizhan_console::house::{
    ActionView, CostView, Language as Spoken, PluginView, Promise, Reloaded, SaidLine,
};
use yizhan_console::{House, LogLine};
use yizhan_plugin_host::{PluginHost, PluginInfo, Refusal};
use yizhan_workflow::id::{Millis, RunId};
use zeroize::Zeroizing;

use crate::artifacts::Artifacts;
use crate::heads;
use crate::intake::mail::outage::Outages;
use crate::intake::reload::Reload;
use crate::language::Language;
use crate::plugins;
use crate::said::Words;
use crate::secrets::Secrets;

pub(crate) struct Rooms {
    pub(crate) host: Arc<PluginHost>,
    pub(crate) refused: Arc<Mutex<Vec<Refusal>>>,
    pub(crate) secrets: Secrets,
    pub(crate) artifacts: Artifacts,
    pub(crate) reload: mpsc::Sender<Reload>,
    pub(crate) language: Language,
    pub(crate) home: String,
    pub(crate) outages: Outages,
    /// Where heads of the audit are written down.
    pub(crate) audit_heads: PathBuf,
    pub(crate) words: Words,
}

fn view(info: PluginInfo) -> PluginView {
    let action = |action: yizhan_plugin_host::ActionInfo| ActionView {
        name: action.name,
        summary: action.summary,
        effect: serde_json::to_value(action.effect)
            .ok()
            .and_then(|word| word.as_str().map(str::to_owned))
            .unwrap_or_default(),
        input: action.input,
        output: action.output,
    };
    PluginView {
        id: info.id,
        version: info.version,
        state: info.state.name.to_owned(),
        isolation: info.isolation.name().to_owned(),
        path: info.path.display().to_string(),
        hash: info.sha256,
        actions: info.actions.into_iter().map(action).collect(),
        calls: info.calls,
        crashes: info.crashes,
        pid: info.pid,
        fault: info.state.reason,
        cost: Some(cost(&info.cost)),
    }
}

fn cost(cost: &yizhan_plugin_host::CostInfo) -> CostView {
    let micros = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let millis = |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    CostView {
        since: Millis(i64::try_from(cost.since_ms).unwrap_or_default()).to_string(),
        ended: cost.ended,
        failed: cost.failed,
        busy_ms: millis(cost.busy),
        p50_us: cost.p50.map(micros),
        p95_us: cost.p95.map(micros),
        cpu_ms: cost.cpu.map(millis),
        memory_bytes: cost.memory_bytes,
    }
}

fn refused(refusal: &Refusal) -> PluginView {
    let file = refusal.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    PluginView {
        id: refusal.plugin.clone().or(file).unwrap_or_default(),
        state: "refused".to_owned(),
        path: refusal.path.display().to_string(),
        fault: Some(plugins::said(refusal, Language::En)),
        ..PluginView::default()
    }
}

impl House for Rooms {
    fn plugins(&self) -> Vec<PluginView> {
        let mut plugins: Vec<PluginView> = self.host.plugins().into_iter().map(view).collect();
        plugins.extend(self.refused.lock().unwrap_or_else(PoisonError::into_inner).iter().map(refused));
        plugins
    }

    fn release(&self, id: &str) {
        self.host.release(id);
    }

    fn secret(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.secrets.get(name)
    }

    fn reload(&self) -> Promise<'_, Reloaded> {
        Box::pin(async {
            let (to, answer) = oneshot::channel();
            // Stopping, nobody reads any more: nothing was loaded then.
            if self.reload.send(to).await.is_err() {
                return Reloaded::default();
            }
            answer.await.unwrap_or_default()
        })
    }

    fn put_artifact(&self, bytes: &Bytes) -> std::io::Result<String> {
        Ok(self.artifacts.put("", "", bytes)?.sha256)
    }

    fn artifact(&self, sha256: &str, from: u64, most: u64) -> std::io::Result<Option<Bytes>> {
        Ok(self.artifacts.get(sha256, from, most)?.map(|(_, bytes)| Bytes::from(bytes)))
    }

    fn artifact_size(&self, sha256: &str) -> std::io::Result<Option<u64>> {
        Ok(self.artifacts.get(sha256, 0, 0)?.map(|(file, _)| file.bytes))
    }

    fn scratch(&self) -> std::io::Result<std::fs::File> {
        self.artifacts.scratch()
    }

    fn language(&self) -> Spoken {
        self.language.pick(Spoken::Zh, Spoken::En)
    }

    fn findings(&self, language: Spoken) -> Vec<String> {
        let language = match language {
            Spoken::Zh => Language::Zh,
            Spoken::En => Language::En,
        };
        let mut findings = self.outages.findings(language);
        for refusal in self.refused.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let said = plugins::said(refusal, language);
            findings.push(
                language.pick(format!("有插件没有启用:{said}"), format!("a plugin is not in use: {said}")),
            );
        }
        findings
    }

    fn audit_heads(&self) -> std::io::Result<Vec<Head>> {
        heads::read_audit(&self.audit_heads)
    }

    fn log(&self) -> Vec<LogLine> {
        crate::log::lines()
    }

    fn said(&self, run: RunId) -> Vec<SaidLine> {
        self.words.of_run(run)
    }

    fn home(&self) -> String {
        self.home.clone()
    }
}
