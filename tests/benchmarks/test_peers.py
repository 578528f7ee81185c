"""How other gateways are started, as far as that shows without installing them."""

import pytest

from benchmarks.gateway.scenarios import SCENARIOS
from benchmarks.peers import PEERS, InstallError, Site
from benchmarks.peers.launch import python_environment, run

MODELS = tuple(sorted({scenario.upstream_model for scenario in SCENARIOS.values()}))
UPSTREAM = 45_678


@pytest.fixture(params=PEERS, ids=str)
def launched(request, tmp_path):
    site = Site(45_676, 45_677, UPSTREAM, tmp_path, MODELS)
    try:
        return PEERS[request.param].launch(tmp_path / "home", site), site
    except InstallError as error:
        pytest.skip(str(error))


def everything(launch, site):
    files = [path.read_text() for path in site.folder.iterdir() if path.is_file()]
    return "\n".join([*launch.argv, *launch.env.values(), *launch.headers, *files])


def test_it_listens_where_it_is_told_or_tells_where(launched):
    launch, site = launched
    assert str(site.port) in everything(launch, site) or launch.port_file is not None


def test_it_is_told_where_the_upstream_is(launched):
    launch, site = launched
    assert str(UPSTREAM) in everything(launch, site)


def test_every_model_can_be_asked_for(launched):
    launch, site = launched
    for model in MODELS:
        assert launch.model.format(model=model)


def test_an_installer_that_fails_says_why():
    with pytest.raises(InstallError, match="not on this machine"):
        run(["there-is-no-such-installer"])
    with pytest.raises(InstallError, match="no such option"):
        run(["sh", "-c", "echo no such option >&2; exit 3"])


def test_what_is_installed_is_not_installed_again(tmp_path):
    (tmp_path / ".installed").write_text("left==1\nright==2")
    python_environment(tmp_path, "left==1", "right==2", python="there-is-no-such-python")
    with pytest.raises(InstallError):
        python_environment(tmp_path, "left==1", "right==3", python="there-is-no-such-python")
