"""Published behaviour of permissions and roles."""

import pytest

# They hold asserts of several test files.
pytest.register_assert_rewrite("tests.rpc.permissions.listing", "tests.rpc.permissions.making")
