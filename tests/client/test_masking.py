import pytest

from glancetui.client.masking import masked_document, masked_headers, masked_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("swift+https://user:key@auth/v3/c/o", "swift+https://***@auth/v3/c/o"),
        ("s3+https://ACCESS:SE/CRET@s3.example/b/o", "s3+https://***@s3.example/b/o"),
        ("https://h/o?X-Amz-Signature=abc&x=1", "https://h/o?X-Amz-Signature=***&x=1"),
        ("https://h/o?temp_url_sig=abc&temp_url_expires=5", "https://h/o?temp_url_sig=***&temp_url_expires=5"),
        ("file:///srv/images/a", "file:///srv/images/a"),
    ],
)
def test_credentials_in_urls_are_masked(url: str, shown: str) -> None:
    assert masked_url(url) == shown


def test_tokens_and_passwords_in_headers_are_masked() -> None:
    masked = masked_headers({"X-Auth-Token": "t", "AUTHORIZATION": "Basic x", "X-Subject-Token": "u", "Accept": "a"})
    assert masked == {"X-Auth-Token": "***", "AUTHORIZATION": "***", "X-Subject-Token": "***", "Accept": "a"}


def test_locations_of_a_document_are_masked_and_nothing_else() -> None:
    document = {
        "name": "http://me:you@x",
        "direct_url": "swift://u:p@h/o",
        "locations": [{"url": "s3://k:s@h/o", "metadata": {"url": "http://a:b@c"}}],
    }
    assert masked_document(document) == {
        "name": "http://me:you@x",
        "direct_url": "swift://***@h/o",
        "locations": [{"url": "s3://***@h/o", "metadata": {"url": "http://***@c"}}],
    }
