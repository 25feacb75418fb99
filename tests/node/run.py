"""Runs the Node SDKs' tests against the running program: a provider, a sidecar, then `node --test`. Arguments go to node."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sdk"))

import sidewall  # noqa: E402


def main(node, arguments):
    with sidewall.temporary() as folder:
        provider = sidewall.Provider(folder)
        upstreams = [("main", ["openai", "anthropic", "generic"], provider.url, "")]
        sidecar = sidewall.Sidecar(folder, upstreams).start()
        try:
            environment = {**os.environ, "SIDEWALL_URL": sidecar.url, "PROVIDER_URL": provider.url}
            tests = sorted(HERE.glob("*.test.js"))
            # One at a time: they share the provider's script and its memory.
            command = [node, "--test", "--test-concurrency=1", *(arguments or ["--test-reporter=dot"]), *tests]
            status = subprocess.run(command, env=environment, cwd=HERE, check=False).returncode
            assert sidecar.alive(), "the sidecar died during the tests"
            assert sidecar.stop() == 0
            return status
        finally:
            sidecar.kill()
            provider.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
