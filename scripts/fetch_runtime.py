"""Fetches ONNX Runtime's shared library: the PyPI wheel `onnxruntime` carries it, and nothing else of it is needed.

Usage: fetch_runtime.py FOLDER
Puts `libonnxruntime.so` (a copy of the wheel's versioned library) into FOLDER; does nothing if it is there already.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

# The version whose C API the program is built against.
WHEEL = "onnxruntime>=1.20,<2"
# The library itself in a wheel, not its providers: libonnxruntime.so.1.22.0, libonnxruntime.1.22.0.dylib, onnxruntime.dll
LIBRARY = re.compile(r"onnxruntime/capi/(libonnxruntime\.so(\.[\d.]+)?|libonnxruntime(\.[\d.]+)?\.dylib|onnxruntime\.dll)")


def main(folder):
    names = {".so": "libonnxruntime.so", ".dylib": "libonnxruntime.dylib", ".dll": "onnxruntime.dll"}
    for name in names.values():
        if (folder / name).exists():
            print(f"runtime: {folder / name} is there already")
            return 0
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input"]
        done = subprocess.run(
            command + ["download", "--no-deps", "--only-binary=:all:", "--dest", temporary, WHEEL], check=False
        )
        wheels = list(pathlib.Path(temporary).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            print("runtime: the wheel `onnxruntime` could not be downloaded: is there one for this Python and platform?",
                  file=sys.stderr)
            return 1
        with zipfile.ZipFile(wheels[0]) as wheel:
            found = [name for name in wheel.namelist() if LIBRARY.fullmatch(name)]
            if not found:
                print(f"runtime: {wheels[0].name} carries no library of a known name", file=sys.stderr)
                return 1
            # The longest name is the versioned library; the others are links to it.
            source = max(found, key=len)
            suffix = next(suffix for suffix in names if suffix in source)
            partial = folder / (names[suffix] + ".partial")
            with wheel.open(source) as reader, open(partial, "wb") as writer:
                shutil.copyfileobj(reader, writer)
            partial.rename(folder / names[suffix])
            print(f"runtime: {folder / names[suffix]} from {wheels[0].name}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))
