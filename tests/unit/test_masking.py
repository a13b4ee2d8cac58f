import pytest

from panna_exp.errors import PannaExpError
from panna_exp.masking import hide, masked, masked_values, reveal


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://me:secret@host:5000/x", "http://***@host:5000/x"),
        ("http://u:p@ss@host", "http://***@host"),
        ("https://TOKEN@host/", "https://***@host/"),
        ("http://u:pa/ss@host/", "http://***@host/"),
        ("http://u:pa?ss@host/", "http://***@host/"),
        ("postgresql://me:secret@host:5432/db?sslmode=require", None),
        ("http://host/?token=abc&x=1", "http://host/?token=***&x=***"),
        ("http://host:5000/a:b@c", "http://host:5000/a:b@c"),
        ("sqlite:////home/me@work/a?b=c/mlflow.db", "sqlite:////home/me@work/a?b=c/mlflow.db"),
        ("http://${oc.env:USER}:${oc.env:PASSWORD}@host", None),
        ("mailto me@here", "mailto me@here"),
    ],
)
def test_what_is_hidden(address, shown):
    if shown is None:
        shown = address.replace("me:secret", "***")
    assert masked(address) == shown
    assert masked(f"tracking.uri='{address}' seed=1") == f"tracking.uri='{shown}' seed=1"
    assert masked(shown) == shown
    assert masked_values({"a": [address, 1], "b": None}) == {"a": [shown, 1], "b": None}


def test_what_was_typed_is_found_again(monkeypatch):
    monkeypatch.setenv("PANNA_EXP_TYPED_ADDRESSES", "")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(PannaExpError, match="records keep no user information"):
        reveal("http://***@host")
    assert hide("tracking.uri=http://a:b@host") == "tracking.uri=http://***@host"
    assert hide("tracking.uri=http://a:b@other") == "tracking.uri=http://***@other"
    assert reveal("http://***@host") == "http://a:b@host"
    assert reveal("http://***@other") == "http://a:b@other"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://c:d@third")
    assert reveal("http://***@third") == "http://c:d@third"
    assert reveal("http://plain") == "http://plain"
