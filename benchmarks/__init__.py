"""Speed and memory of the pipeline, measured as whole processes; see docs/benchmarks.md."""
