"""A notebook can't tell a warm kernel in the sandbox from a cold one, or from a kernel that Jupyter starts by itself.

One notebook of many cells runs in all of them, and a test compares what one cell showed.
"""

import base64
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from grading.sandbox.launch import PRELOAD
from tests.sandboxes import USERS, Grader

STOCK = """
import sys, nbformat, nbclient
notebook = nbformat.read(sys.argv[1], 4)
place = {"metadata": {"path": sys.argv[2]}}
nbclient.NotebookClient(notebook, allow_errors=True, kernel_name="python3", timeout=120, resources=place).execute()
nbformat.write(notebook, sys.argv[1])
"""
"""A grader without any sandbox."""

SAME = """
# %% unseeded seeds are there
import os, random, sys, time
import numpy as np
random.random() != np.random.rand()

# %% streams
print('to stdout'); print('to stderr', file=sys.stderr); print('ä ∇ 字')

# %% result
x = [1, {'a': (2, 3)}]; x

# %% semicolon
x;

# %% display
display(1, 'two', [3])

# %% main
print(__name__, __builtins__ is __import__('builtins'), '__file__' in globals())

# %% names in the namespace
print(sorted(name for name in globals() if not name.startswith('_')))

# %% hashes
print(hash('a'), hash((1, 'b')), {'one', 'two', 'three', 'four'})

# %% recursion
def deep(): return deep()
try:
    deep()
except RecursionError as error:
    print(error, sys.getrecursionlimit())

# %% garbage collector
import gc, weakref
class Node: pass
node = Node(); node.me = node; gone = weakref.ref(node); del node
gc.collect(); gc.isenabled(), gc.get_threshold(), gone() is None

# %% interpreter
sys.getswitchinterval(), sys.flags, sys.version, sys.prefix, sys.executable, sys.dont_write_bytecode, sys.pycache_prefix

# %% encodings
import locale
print(sys.stdout.encoding, sys.getfilesystemencoding(), locale.getpreferredencoding(), sys.getdefaultencoding())

# %% kinds of streams
sys.stdin is None, type(sys.stdout).__name__, type(sys.stderr).__name__, sys.stdout.isatty()

# %% arguments
len(sys.argv), sys.argv[0].rsplit('/')[-1], sys.argv[1], sys.argv[3:]

# %% path
print(sys.path)

# %% hooks
import threading
hooks = sys.excepthook, sys.displayhook.__class__, sys.unraisablehook, sys.breakpointhook, threading.excepthook
[getattr(hook, '__qualname__', hook) for hook in hooks]

# %% signals
import signal
wanted = signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGALRM, signal.SIGHUP
print([signal.getsignal(number) for number in wanted], signal.pthread_sigmask(signal.SIG_BLOCK, ()))

# %% mask of rights
mask = os.umask(0o22); os.umask(mask); oct(mask)

# %% environment
ours = 'JPY_PARENT_PID', 'PYDEVD_USE_FRAME_EVAL'  # the latter is ipykernel's, set when it is imported
prefixes = 'LANG', 'LC_', 'TZ', 'MPL', 'PY', 'CLICOLOR', 'PAGER', 'TERM', 'FORCE_COLOR', 'OMP', 'NUMEXPR', 'JPY'
{name: text for name, text in sorted(os.environ.items()) if name.startswith(prefixes) and name not in ours}

# %% user
import getpass, pwd
len(getpass.getuser()) > 0, pwd.getpwuid(os.getuid()).pw_uid == os.getuid()

# %% home
os.path.expanduser('~') == os.environ['HOME'], os.access(os.environ['HOME'], os.W_OK)

# %% localhost
import socket
socket.gethostbyname('localhost')

# %% time zone
time.tzname, time.localtime(0).tm_hour, os.path.exists('/etc/localtime') and len(open('/etc/localtime', 'rb').read())

# %% processors
import glob
os.path.exists('/sys/devices/system/cpu/possible') and open('/sys/devices/system/cpu/possible').read()

# %% settings of fonts
os.path.exists('/etc/fonts/fonts.conf') and len(open('/etc/fonts/fonts.conf').read())

# %% imports
import IPython, ipykernel.kernelapp, scipy, pandas as pd, sklearn, matplotlib, matplotlib.pyplot as plt, seaborn as sns
import torch, torchvision, tqdm.auto, warnings, asyncio, multiprocessing, operator, subprocess, pickle, logging

# %% filters of warnings
print(*sorted(map(str, warnings.filters)), sep=chr(10))

# %% warning of numpy
np.array([1.0, 0.0]) / 0

# %% warning of numpy from inside
np.mean([])

# %% warning of numpy each time
for _ in range(2):
    np.polyfit([1, 1, 1], [1, 2, 3], 2)

# %% warning of torch
torch.nn.functional.mse_loss(torch.zeros(3), torch.zeros(3, 1))

# %% warning of compiled torch once
torch.from_numpy(np.frombuffer(b'ab', 'u1'))

# %% warning of compiled torch again
torch.from_numpy(np.frombuffer(b'ab', 'u1'))

# %% warning of scikit-learn
from sklearn.linear_model import LogisticRegression
LogisticRegression(max_iter=1).fit(np.arange(8.0).reshape(-1, 1), [0, 1, 0, 1, 0, 1, 1, 1]).coef_.shape

# %% warning of pandas
frame = pd.DataFrame({'a': [1, 2, 3], 'b': list('xyz')})
frame[frame.a > 1]['a'] = 0
frame

# %% warning of what is old
warnings.warn('old', DeprecationWarning)

# %% warning of what will be old
warnings.warn('soon old', PendingDeprecationWarning); warnings.warn('open', ResourceWarning)

# %% warning once a place
for _ in range(3):
    warnings.warn('the same')

# %% warning once a function
def old():
    warnings.warn('again')
old(); old()

# %% warning in the next cell
old()

# %% data frame
pd.read_csv('data.csv').describe()

# %% series
frame['a']

# %% estimator
LogisticRegression(C=2)

# %% rich display
from IPython.display import HTML, Latex, Markdown, clear_output
display(HTML('<b>x</b>'), Markdown('*x*')); Latex('$x$')

# %% parameters of figures
print({name: str(value) for name, value in matplotlib.rcParams.items()})

# %% backend
plt.get_backend(), plt.isinteractive(), plt.get_fignums()

# %% figure at the end of a cell
plt.plot([1, 3, 2]); plt.title('a figure')

# %% figure shown
plt.figure(figsize=(3, 2)); plt.scatter([1, 2], [2, 1]); plt.show(); print('after')

# %% figures, two
figure, axes = plt.subplots(1, 2); axes[0].bar([0, 1], [2, 3]); plt.figure(); plt.hist([1, 1, 2]);

# %% figure as a result
figure, axis = plt.subplots(); axis.plot([1, 2]); plt.close(figure); figure

# %% figure saved
plt.plot([1, 2]); plt.savefig('figure.png'); plt.close(); os.path.getsize('figure.png'), plt.get_fignums()

# %% figure inline
%matplotlib inline
plt.imshow(np.arange(4).reshape(2, 2));

# %% figure with a setting
%config InlineBackend.figure_format = 'retina'
plt.plot([2, 1]);

# %% figure of seaborn
%config InlineBackend.figure_format = 'png'
sns.lineplot(x=[1, 2, 3], y=[1, 3, 2]);

# %% figure of seaborn in its style
sns.set_theme(); sns.histplot(data=[1, 2, 2, 3]); plt.show()

# %% seed of python
random.seed(1); random.random(), random.sample(range(100), 3)

# %% seed of numpy
np.random.seed(1); np.random.rand(3), np.random.permutation(5)

# %% seed of a generator
np.random.default_rng(1).normal(size=3)

# %% seed of torch
print(torch.manual_seed(1).initial_seed(), torch.rand(3), torch.nn.Linear(2, 1).weight, torch.randperm(6))

# %% gradient
w = torch.ones(3, requires_grad=True); (w**3).sum().backward(); w.grad

# %% convolution
torch.manual_seed(0); torch.nn.Conv2d(1, 2, 3)(torch.ones(1, 1, 5, 5)).sum()

# %% training
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
optimiser = torch.optim.Adam(net.parameters())
for _ in range(5):
    optimiser.zero_grad(); loss = net(torch.rand(32, 8)).square().mean(); loss.backward(); optimiser.step()
loss.item()

# %% threads of torch
before = torch.get_num_threads(), torch.get_num_interop_threads()
torch.set_num_threads(2); total = (torch.ones(300, 300) @ torch.ones(300, 300)).sum(); torch.set_num_threads(1)
before, total, torch.get_default_dtype(), torch.is_grad_enabled(), torch.cuda.is_available()

# %% saved network
torch.save(net.state_dict(), 'net.pt'); sorted(torch.load('net.pt'))

# %% data loader
from torch.utils.data import DataLoader, TensorDataset
sum(float(part.sum()) for part, in DataLoader(TensorDataset(torch.arange(20.0)), batch_size=4, num_workers=2))

# %% grid search
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
search = GridSearchCV(KNeighborsClassifier(), {'n_neighbors': [1, 3]}, cv=2, n_jobs=-1)
search.fit(np.arange(12.0).reshape(-1, 1), [0, 1] * 6).best_params_

# %% pool of forks
def square(x): return x * x
with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(square, range(5)))

# %% pool of new processes
with multiprocessing.get_context('spawn').Pool(1) as pool: print(pool.starmap(operator.add, [(1, 2)]))

# %% pool of threads
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool: print(list(pool.map(len, ['a', 'bc'])))

# %% names of processes
multiprocessing.get_start_method(), multiprocessing.current_process().name, threading.current_thread().name

# %% thread
found = []
thread = threading.Thread(target=lambda: found.append(threading.current_thread() is threading.main_thread()))
thread.start(); thread.join(); found, threading.current_thread() is threading.main_thread()

# %% thread that prints
thread = threading.Thread(target=print, args=('from a thread',)); thread.start(); thread.join()

# %% subprocess
subprocess.run(['echo', 'hello'], capture_output=True, text=True)

# %% subprocess that prints
code = subprocess.run('echo shown; echo wrong >&2', shell=True).returncode; time.sleep(0.5); code

# %% system
code = os.system('echo shown'); time.sleep(0.5); code

# %% child in python
code = 'import numpy, sys; print(numpy.ones(2), sys.path[1:], sys.flags.hash_randomization)'
subprocess.run([sys.executable, '-c', code], capture_output=True)

# %% fork
if os.fork() == 0:
    print('from a child', flush=True); os._exit(0)
os.wait()[1]

# %% await
await asyncio.sleep(0.01)
async def two(): return 2
await asyncio.gather(two(), two())

# %% loop of events
asyncio.get_running_loop().__class__.__name__, asyncio.get_event_loop_policy().__class__.__name__

# %% logging
logging.warning('of the root'); logging.getLogger('mine').error('of mine'); logging.info('not shown')
logging.getLogger().handlers, logging.getLogger().level

# %% loggers
[f'{name} {log.level} {log.propagate}' for name, log in sorted(logging.root.manager.loggerDict.items())
 if isinstance(log, logging.Logger) and (log.level or log.handlers) and name.split('.')[0] in
 ('matplotlib', 'torch', 'numpy', 'pandas', 'sklearn', 'seaborn', 'PIL', 'asyncio', 'traitlets')]

# %% pickle
class Mine:
    def __init__(self): self.a = 1
pickle.loads(pickle.dumps(Mine())).a, Mine.__module__, pickle.loads(pickle.dumps(square))(3)

# %% error
def divide(a, b):
    return a / b

divide(1, 0)

# %% error in a package
pd.DataFrame({'a': [1]})['b']

# %% error in compiled code
torch.ones(2, 3) @ torch.ones(2, 3)

# %% error of an error
try:
    {}['a']
except KeyError as error:
    raise ValueError('no') from error

# %% error of syntax
def f(:
    pass

# %% error of a name
undefined_name

# %% assertion
assert 1 == 2, 'not so'

# %% exit
raise SystemExit('bye')

# %% traceback printed
import traceback
try:
    1 / 0
except ZeroDivisionError:
    traceback.print_exc()

# %% input
input('your name? ')

# %% ls
!ls

# %% pwd is the folder
folder = !pwd
folder == [os.getcwd()]

# %% shell into a variable
names = !ls *.csv
names

# %% script
%%bash
echo from bash; echo $((1 + 2))

# %% change of folder
%cd -q ..
%cd -q -
os.path.exists('data.csv')

# %% file written by magic
%%writefile module_of_mine.py
answer = 42

# %% own module
import module_of_mine; module_of_mine.answer

# %% run
%run module_of_mine.py
answer

# %% capture
%%capture caught
print('caught')

# %% captured
caught.stdout

# %% data by relative path
open('data.csv').read(), open('folder/ünï.txt').read(), sorted(os.listdir()), os.stat('data.csv').st_mtime

# %% data written
open('data.csv', 'a').write('more'); open('new.txt', 'w').write('x'); sorted(os.listdir())

# %% data removed
os.remove('data.csv'); os.rename('folder', 'other'); sorted(os.listdir())

# %% temporary files
import tempfile
with tempfile.NamedTemporaryFile() as file: file.write(b'x')
tempfile.gettempdir(), os.access(os.environ['HOME'], os.W_OK)

# %% history
In[1][:8], len(Out) > 3, _ is not None

# %% progress as text
for _ in tqdm.tqdm(range(2), bar_format='{l_bar}{n_fmt}/{total_fmt}'): pass

# %% progress as it likes
for _ in tqdm.auto.tqdm(range(2), bar_format='{l_bar}{n_fmt}/{total_fmt}'): pass

# %% kind of progress
tqdm.auto.tqdm.__mro__[1].__module__

# %% output cleared
print('gone'); clear_output(); print('stays')

# %% display updated
handle = display('first', display_id='one'); handle.update('second')

# %% help
square?

# %% shell
get_ipython().__class__.__mro__[1].__name__, sorted(get_ipython().extension_manager.loaded), get_ipython().colors

# %% settings of packages
print(np.get_printoptions(), np.geterr(), pd.get_option('display.max_rows'), pd.get_option('display.width'))
print(torch._tensor_str.PRINT_OPTS, sklearn.get_config())

# %% source
import inspect; print(inspect.getsource(square))

# %% doctest
import doctest
def one():
    '''
    >>> one()
    1
    '''
    return 1
doctest.testmod()

# %% data class
import dataclasses
@dataclasses.dataclass
class Point:
    x: int = 0
Point()

# %% database
import sqlite3; sqlite3.connect(':memory:').execute('select 1 + 1').fetchall()

# %% server
import http.server, urllib.request
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
server = http.server.HTTPServer(('127.0.0.1', 0), Quiet)
thread = threading.Thread(target=server.handle_request); thread.start()
status = urllib.request.urlopen(f'http://127.0.0.1:{server.server_port}/new.txt').status; thread.join(); status

# %% at exit
import atexit; atexit.register(print, 'the end') is print

# %% open files
sorted(int(number) for number in os.listdir('/proc/self/fd'))[:3]

# %% exit by magic is the last
%reset -f
"""
"""Cells whose outputs have to be equal everywhere, each after its name."""

LOOSE = """
# %% random numbers
import random, numpy, torch
print(random.random(), numpy.random.rand(), numpy.random.default_rng().random())
print(torch.initial_seed(), torch.rand(1).item())

# %% pwd
!pwd

# %% time
%%time
sum(range(1000))

# %% timeit
%timeit -n 1 -r 1 sum(range(10))

# %% environment
import os; print(sorted(os.environ))

# %% at last
print(os.getpid() > 0, open('data.csv').read())
"""
"""Cells whose outputs are looked at one by one. They come first."""


def _cells(text: str) -> dict[str, str]:
    return {
        name: code.strip("\n") for name, code in re.findall(r"^# %% (.*)\n((?:(?!# %% ).*\n)+)", text, re.MULTILINE)
    }


CELLS = {
    f"{place} {name}": code for place, text in (("loose", LOOSE), ("same", SAME)) for name, code in _cells(text).items()
}
KERNELS = ("warm", "next", "cold", *USERS[1:])
"""In the sandbox: two submissions to one warm process, a cold one, and one to a grader without rights."""


@dataclass(frozen=True)
class Runs:
    """The outputs of all cells by kernel and name, and what the folder looked like before and after."""

    outputs: dict[str, dict[str, list[NotebookNode]]]
    died: dict[str, str]
    folder: Path
    before: dict[str, bytes]

    def text(self, kernel: str, name: str) -> str:
        return "".join(part.get("text", "") for part in self.outputs[kernel][name])


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _folder(folder: Path) -> Path:
    (folder / "folder").mkdir(parents=True)
    (folder / "data.csv").write_text("a,b\n1,2\n3,4\n")
    (folder / "folder" / "ünï.txt").write_text("ü")
    os.utime(folder / "data.csv", (1e9, 1e9))
    return folder


def _run_stock(folder: Path) -> list[NotebookNode]:
    path = folder.with_suffix(".ipynb")
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in CELLS.values()]), path)
    dropped = re.compile(r"(PY|JUPYTER_|MPL|GRADING_)\w*")
    environment = {name: text for name, text in os.environ.items() if not dropped.fullmatch(name)}
    for name in ("OMP_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        environment[name] = "1"
    environment |= {"PYTHONHASHSEED": "0", "HOME": str(folder.parent)}
    subprocess.run([sys.executable, "-c", STOCK, path, folder], env=environment, check=True, stderr=subprocess.DEVNULL)
    return nbformat.read(path, 4).cells


def _open_to_all(folder: Path) -> None:
    """Let the ordinary user read a folder, which pytest has closed."""
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.geteuid() and path != Path(tempfile.gettempdir()):
            path.chmod(path.stat().st_mode | 0o055)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """What the cells show everywhere."""
    place = tmp_path_factory.mktemp("fidelity")
    folder = _folder(place / "submission")
    _open_to_all(folder)
    before, cells, died = _content(folder), {}, {}
    with ThreadPoolExecutor(1) as beside:
        stock = beside.submit(_run_stock, _folder(place / "stock"))
        for user in USERS:
            grader = Grader(user)
            starts = {"warm": "warm", "next": "warm", "cold": "cold"} if user == USERS[0] else {user: "warm"}
            for name, start in starts.items():
                result = grader.run(*CELLS.values(), folder=folder, timeout=120, start=start)
                cells[name], died[name] = result.cells, result.died
            grader.close()
        cells["stock"] = stock.result()
    outputs = {
        kernel: dict(zip(CELLS, [cell.outputs for cell in found], strict=True)) for kernel, found in cells.items()
    }
    yield Runs(outputs, died, folder, before)


def normalised(outputs: list[NotebookNode]) -> list[Any]:
    """Return outputs without what differs by its nature: process numbers, addresses, the order of the two streams."""
    streams: dict[str, str] = {"stdout": "", "stderr": ""}
    others: list[Any] = []
    for output in outputs:
        if output.output_type == "stream":
            streams[output.name] += output.text
        else:
            plain = json.loads(json.dumps(output))
            for view in plain.get("data", {}).values():
                if isinstance(view, dict):
                    view.pop("model_id", None)
            others.append({key: value for key, value in plain.items() if key != "execution_count"})
    text = json.dumps([streams, others], sort_keys=True)
    text = re.sub(r"ipykernel_\d+", "ipykernel_N", text)
    text = re.sub(r"0x[0-9a-f]{6,}", "0x", text)
    text = re.sub(r"Matplotlib is building the font cache; this may take a moment\.\\n", "", text)
    return json.loads(text)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", [name for name in CELLS if name.startswith("same")])
def test_a_cell_shows_the_same_as_in_a_stock_kernel(runs: Runs, kernel: str, name: str) -> None:
    assert normalised(runs.outputs[kernel][name]) == normalised(runs.outputs["stock"][name])


def test_the_cells_did_what_they_are_there_for(runs: Runs) -> None:
    errors = {
        name: [output.ename for output in outputs if output.output_type == "error"]
        for name, outputs in runs.outputs["stock"].items()
    }
    assert {name.removeprefix("same "): found for name, found in errors.items() if found} == {
        "error": ["ZeroDivisionError"],
        "error in a package": ["KeyError"],
        "error in compiled code": ["RuntimeError"],
        "error of an error": ["ValueError"],
        "error of syntax": ["SyntaxError"],
        "error of a name": ["NameError"],
        "assertion": ["AssertionError"],
        "exit": ["SystemExit"],
        "input": ["StdinNotImplementedError"],
    }
    assert runs.died == dict.fromkeys(KERNELS, "")


def _pictures(outputs: list[NotebookNode]) -> list[np.ndarray]:
    coded = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(picture)))) for picture in coded]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("figure at the end of a cell", 1), ("figure shown", 1), ("figures, two", 2), ("figure as a result", 1),
        ("figure saved", 0), ("figure inline", 1), ("figure with a setting", 1), ("figure of seaborn", 1),
        ("figure of seaborn in its style", 1),
    ],
)  # fmt: skip
def test_figures_have_the_pixels_of_a_stock_kernel(runs: Runs, kernel: str, name: str, number: int) -> None:
    found, wanted = (_pictures(runs.outputs[where][f"same {name}"]) for where in (kernel, "stock"))
    assert len(found) == len(wanted) == number
    for picture, other in zip(found, wanted, strict=True):
        assert picture.std() > 1
        np.testing.assert_array_equal(picture, other)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("of numpy", 2), ("of numpy each time", 2), ("of torch", 1), ("of compiled torch once", 1),
        ("of compiled torch again", 0), ("of what is old", 1), ("of what will be old", 0), ("once a place", 1),
    ],
)  # fmt: skip
def test_warnings_are_shown_as_often_as_python_says_in_every_submission(
    runs: Runs, kernel: str, name: str, times: int
) -> None:
    assert len(re.findall(r"Warning: ", runs.text(kernel, f"same warning {name}"))) == times


def test_random_numbers_of_two_submissions_differ_where_nothing_is_seeded(runs: Runs) -> None:
    drawn = [runs.text(kernel, "loose random numbers").split() for kernel in ("stock", *KERNELS)]
    for numbers in zip(*drawn, strict=True):
        assert len(set(numbers)) == len(drawn)


@pytest.mark.parametrize("kernel", KERNELS)
def test_times_are_measured(runs: Runs, kernel: str) -> None:
    assert re.search(r"Wall time: \d", runs.text(kernel, "loose time"))
    assert re.search(r"per loop \(mean . std", runs.text(kernel, "loose timeit"))


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_working_folder_is_the_submissions_own(runs: Runs, kernel: str) -> None:
    assert runs.text(kernel, "loose pwd").strip() == "/student/home/work"


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_environment_has_nothing_that_a_stock_kernel_does_not_have_but_what_fixes_threads(
    runs: Runs, kernel: str
) -> None:
    found, stock = (set(eval(runs.text(where, "loose environment"))) for where in (kernel, "stock"))
    threads = {name for name in found if name.endswith(("_NUM_THREADS", "_CPU_COUNT"))}
    assert found - stock - threads <= {"USER", "LOGNAME", "SHELL"}
    assert "SECRET_OF_THE_GRADER" not in found


def test_nothing_that_a_submission_writes_or_removes_comes_back_to_its_folder(runs: Runs) -> None:
    assert _content(runs.folder) == runs.before


def test_what_is_compared_is_imported_already_in_a_warm_kernel() -> None:
    assert {"numpy", "torch", "matplotlib.pyplot", "seaborn", "pandas", "sklearn"} <= set(PRELOAD)
