"""What LiteLLM's and genai-prices' own calculators say of the models that `tollgate-prices models` printed."""

import json
import os
import sys
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import genai_prices
import litellm
from litellm.types.utils import PromptTokensDetailsWrapper, Usage


def plain(amount):
    """A decimal of at most 18 places."""
    return format(Decimal(repr(amount) if isinstance(amount, float) else amount).quantize(Decimal("1e-18")).normalize(), "f")


def by_litellm(model, tokens):
    uncached, cached, output = tokens
    usage = Usage(
        prompt_tokens=uncached + cached,
        completion_tokens=output,
        total_tokens=uncached + cached + output,
        prompt_tokens_details=PromptTokensDetailsWrapper(cached_tokens=cached),
    )
    try:
        sides = litellm.cost_per_token(
            model=model["name"],
            custom_llm_provider=model["litellm_provider"].split("-")[0],
            usage_object=usage,
            call_type="embedding" if model["mode"] == "embedding" else "completion",
        )
        return plain(float(sum(sides)))
    except Exception as error:
        model.setdefault("errors", []).append(f"litellm: {type(error).__name__}")
        return None


def by_genai_prices(model, tokens, at):
    uncached, cached, output = tokens
    usage = genai_prices.Usage(input_tokens=uncached + cached, cache_read_tokens=cached, output_tokens=output)
    try:
        found = genai_prices.calc_price(
            usage, model["model"], provider_id=model["provider"], genai_request_timestamp=at
        )
        return plain(found.total_price)
    except Exception as error:
        model.setdefault("errors", []).append(f"genai-prices: {type(error).__name__}")
        return None


def main():
    # The calculators print to stdout what they cannot do.
    answer, sys.stdout = sys.stdout, sys.stderr
    asked = json.load(sys.stdin)
    at = datetime.fromisoformat(asked["at"].replace("Z", "+00:00"))
    for model in asked["models"]:
        model["litellm"] = [by_litellm(model, tokens) for tokens in asked["points"]]
        model["genai"] = [by_genai_prices(model, tokens, at) for tokens in asked["points"]]
    asked["versions"] = f"litellm {version('litellm')} and genai-prices {version('genai-prices')}"
    json.dump(asked, answer, indent=1)


main()
