"""One provider and one sidecar for the session; the provider forgets between tests."""

import anthropic
import openai
import pytest

import sidewall

# The callers' own keys: the tests look for them at the provider and nowhere else.
OPENAI_KEY = "sk-test-not-a-key"
ANTHROPIC_KEY = "sk-ant-test-not-a-key"


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sidewall")


@pytest.fixture(scope="session")
def session_provider(folder):
    provider = sidewall.Provider(folder)
    yield provider
    provider.stop()


@pytest.fixture
def provider(session_provider):
    session_provider.forget()
    return session_provider


@pytest.fixture(scope="session")
def sidecar(folder, session_provider):
    sidecar = sidewall.Sidecar(
        folder,
        [
            ("openai", ["openai", "azure", "generic"], session_provider.url, ""),
            ("others", ["gemini", "ollama"], session_provider.url, ""),
            ("anthropic", ["anthropic"], session_provider.url, ""),
        ],
    ).start()
    yield sidecar
    assert sidecar.alive(), "the sidecar died during the tests"
    status = sidecar.stop()
    assert status == 0, f"the sidecar ended with {status}"


@pytest.fixture
def client(sidecar, provider):
    with openai.OpenAI(base_url=f"{sidecar.url}/v1", api_key=OPENAI_KEY, max_retries=2, timeout=60) as client:
        yield client


@pytest.fixture
def claude(sidecar, provider):
    with anthropic.Anthropic(base_url=sidecar.url, api_key=ANTHROPIC_KEY, max_retries=2, timeout=60) as client:
        yield client
