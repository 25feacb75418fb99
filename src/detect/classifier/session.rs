//! One session of ONNX Runtime: tokens in, one logit a row out. What comes out is checked, whatever the model is.

use ort::ep;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::Tensor;

use super::library::Library;
use super::spec::{Input, Spec};

/// LIMIT: a logit beyond this is no sound model's: a probability of 1 − 10⁻⁴³ is beyond what 32-bit floats tell from 1.
const MAX_LOGIT: f32 = 100.0;

/// A session; one thread at a time.
pub(super) struct Session(ort::session::Session);

impl Session {
    /// `model`: the graph's bytes. `providers`: execution providers in order; empty: the CPU.
    pub(super) fn new(library: &Library, model: &[u8], spec: &Spec, providers: &[String]) -> Result<Self, String> {
        let say = |error: ort::Error<SessionBuilder>| error.to_string();
        let providers = providers.iter().map(|name| provider(name)).collect::<Result<Vec<_>, _>>()?;
        let mut builder = ort::session::Session::builder(&library.environment)
            .map_err(|error| error.to_string())?
            .with_optimization_level(GraphOptimizationLevel::All)
            .map_err(say)?
            // One thread a session: the pool has as many sessions as threads, and a sidecar shares its cores.
            .with_intra_threads(1)
            .map_err(say)?
            .with_inter_threads(1)
            .map_err(say)?
            // Windows differ in length, so patterns of memory would be learned and never used again.
            .with_memory_pattern(false)
            .map_err(say)?;
        if !providers.is_empty() {
            builder = builder.with_execution_providers(providers).map_err(say)?;
        }
        let session = builder.commit_from_memory(model).map_err(|error| error.to_string())?;
        let names = |outlets: &[ort::value::Outlet]| outlets.iter().map(|o| o.name().to_owned()).collect::<Vec<_>>();
        let (inputs, outputs) = (names(session.inputs()), names(session.outputs()));
        let Input { ids, mask, types, .. } = &spec.input;
        for name in [Some(ids), Some(mask), types.as_ref()].into_iter().flatten() {
            if !inputs.contains(name) {
                return Err(format!("the graph has no input {name:?} (it has {inputs:?}); mend [input] of model.toml"));
            }
        }
        if !outputs.contains(&spec.output.name) {
            let name = &spec.output.name;
            return Err(format!("the graph has no output {name:?} (it has {outputs:?}); mend [output] of model.toml"));
        }
        Ok(Self(session))
    }

    /// Runs the model once over rows of different lengths, so that a graph that cannot do that is found now and not under load.
    pub(super) fn probe(&mut self, spec: &Spec) -> Result<(), String> {
        let Input { start, end, pad, .. } = &spec.input;
        let short: Vec<i64> = start.iter().chain(end).copied().collect();
        let long: Vec<i64> = start.iter().chain([pad; 3]).chain(end).copied().collect();
        self.run(spec, &[&short, &long]).map(|_logits| ())
    }

    /// The logit of each row of token ids.
    pub(super) fn run(&mut self, spec: &Spec, rows: &[&[i64]]) -> Result<Vec<f32>, String> {
        let width = rows.iter().map(|row| row.len()).max().unwrap_or_default();
        let (mut ids, mut mask) = (Vec::with_capacity(rows.len() * width), Vec::with_capacity(rows.len() * width));
        for row in rows {
            let fill = width - row.len();
            ids.extend_from_slice(row);
            ids.extend(std::iter::repeat_n(spec.input.pad, fill));
            mask.extend(std::iter::repeat_n(1_i64, row.len()));
            mask.extend(std::iter::repeat_n(0_i64, fill));
        }
        let shape = [rows.len(), width];
        let tensor = |values: Vec<i64>| Tensor::from_array((shape, values)).map_err(|error| error.to_string());
        let mut inputs = vec![(spec.input.ids.as_str(), tensor(ids)?), (spec.input.mask.as_str(), tensor(mask)?)];
        if let Some(types) = &spec.input.types {
            inputs.push((types.as_str(), tensor(vec![0; rows.len() * width])?));
        }
        let outputs = self.0.run(inputs).map_err(|error| error.to_string())?;
        let output = outputs.get(&spec.output.name).ok_or("the output is missing")?;
        let (shape, values) = output.try_extract_tensor::<f32>().map_err(|error| error.to_string())?;
        let labels = spec.output.labels.len();
        let dimensions: Vec<i64> = shape.iter().copied().collect();
        let expected = [i64::try_from(rows.len()).unwrap_or(-1), i64::try_from(labels).unwrap_or(-1)];
        // A single column may come without its dimension.
        let fits = dimensions == expected || (labels == 1 && expected.get(..1) == Some(dimensions.as_slice()));
        if !fits || values.len() != rows.len() * labels {
            return Err(format!(
                "the output's shape is {dimensions:?}, not {expected:?}; mend output.labels of model.toml"
            ));
        }
        values.chunks_exact(labels).map(|row| logit(spec, row)).collect()
    }
}

/// One row's logit: of softmax, the log of the attack's odds.
fn logit(spec: &Spec, row: &[f32]) -> Result<f32, String> {
    if row.iter().any(|value| !value.is_finite()) {
        return Err("the output is not a number".to_owned());
    }
    let logit = match row {
        [one] => *one,
        several => {
            let highest = several.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let (mut attack, mut rest) = (0.0, 0.0);
            for (value, label) in several.iter().zip(&spec.output.labels) {
                let side = if spec.output.attack.contains(label) { &mut attack } else { &mut rest };
                *side += (value - highest).exp();
            }
            (f32::ln(attack) - f32::ln(rest)).clamp(-MAX_LOGIT, MAX_LOGIT)
        }
    };
    if logit.abs() > MAX_LOGIT { Err(format!("the output is beyond ±{MAX_LOGIT}")) } else { Ok(logit) }
}

/// An execution provider by its name in the configuration.
fn provider(name: &str) -> Result<ep::ExecutionProviderDispatch, String> {
    // Where one was asked for and is not to be had, the start fails: a slow substitute would be found out under load.
    Ok(match name {
        "cpu" => ep::CPU::default().build(),
        "cuda" => ep::CUDA::default().build().error_on_failure(),
        "openvino" => ep::OpenVINO::default().build().error_on_failure(),
        "coreml" => ep::CoreML::default().build().error_on_failure(),
        other => return Err(format!("no execution provider {other:?}; there are cpu, cuda, openvino, coreml")),
    })
}
