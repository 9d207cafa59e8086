"""Records how many tokens real tokenizers count in the texts of `pricing/test/fixtures/corpus`.

    python3 -m venv .venv && .venv/bin/pip install litellm==1.106.2
    .venv/bin/python pricing/scripts/record_tokens.py

Writes `pricing/test/fixtures/corpus-tokens.json`: OpenAI's o200k_base and cl100k_base by tiktoken, and the tokenizer that
Anthropic published for Claude 2, all from the files inside the litellm package. Nothing is fetched.
"""

import json
import os
from importlib.util import find_spec
from pathlib import Path

TOKENIZERS = Path(find_spec("litellm").origin).parent / "litellm_core_utils" / "tokenizers"
os.environ["TIKTOKEN_CACHE_DIR"] = str(TOKENIZERS)

import tiktoken
from tokenizers import Tokenizer

FIXTURES = Path(__file__).resolve().parent.parent / "test" / "fixtures"


def main() -> None:
    claude = Tokenizer.from_file(str(TOKENIZERS / "anthropic_tokenizer.json"))
    openai = {name: tiktoken.get_encoding(name) for name in ("o200k_base", "cl100k_base")}
    counts = {
        path.name: {
            **{name: len(encoding.encode(path.read_text())) for name, encoding in openai.items()},
            "claude": len(claude.encode(path.read_text()).ids),
        }
        for path in sorted((FIXTURES / "corpus").iterdir())
    }
    (FIXTURES / "corpus-tokens.json").write_text(json.dumps(counts, indent=1) + "\n")


main()
