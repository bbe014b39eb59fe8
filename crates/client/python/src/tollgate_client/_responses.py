"""What a provider's response says about usage: OpenAI (chat completions, responses), Anthropic, Gemini, Ollama."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ._errors import BadUsage, InvalidField, NoUsage
from ._usage import MAX_COUNT, Tokens, Usage

#: What is read at the top of a response of each format.
_FIELDS = {
    "openai_chat": ("id", "model", "serviceTier", "usage"),
    "openai_responses": ("id", "model", "serviceTier", "usage"),
    "anthropic": ("id", "model", "usage"),
    "gemini": ("responseId", "modelVersion", "usageMetadata"),
    "ollama": ("model", "promptEvalCount", "evalCount"),
}

_PROVIDERS = {
    "openai_chat": "openai",
    "openai_responses": "openai",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "ollama": "ollama",
}

#: Where a part of a stream has the response.
_INNER = {"openai_responses": "response", "anthropic": "message"}


def usage_of(format: str, response: object, *, provider: str | None = None) -> Usage:
    """What a whole response says: provider, model, tier, its id and what was used. `format` is `openai_chat`,
    `openai_responses`, `anthropic`, `gemini` or `ollama`; the response is a `dict` or an object of the provider's
    library. The provider is the one that the format is named after, unless `provider` names who served it.

    Raises `NoUsage` if the response has no counters, and `BadUsage` if one of them is not what a call can use.
    """
    reader = UsageReader(format, provider=provider)
    reader.add(response)
    return reader.usage()


class UsageReader:
    """Reads the usage of one streamed response, part by part. Later totals replace earlier ones."""

    def __init__(self, format: str, *, provider: str | None = None) -> None:
        if format not in _FIELDS:
            raise InvalidField("format", format, f"must be one of {', '.join(_FIELDS)}")
        self._format = format
        self._provider = provider or _PROVIDERS[format]
        self._found: dict[str, Any] = {}

    def add(self, part: object) -> None:
        """Takes the next part. Parts that say nothing of usage are passed over."""
        fields = _mapping(part)
        inner = _mapping(fields.get(_INNER.get(self._format, "")))
        for name, value in (inner or fields).items():
            name = _camel_case(name)
            if name not in _FIELDS[self._format] or value is None:
                continue
            known, more = self._found.get(name), _mapping(value)
            if more:
                more = {key: one for key, one in more.items() if one is not None}
                value = {**known, **more} if isinstance(known, dict) else more
            self._found[name] = value

    def add_all(self, parts: Iterable[object]) -> Usage:
        """Takes all parts of a stream, and returns what was used."""
        for part in parts:
            self.add(part)
        return self.usage()

    def usage(self) -> Usage:
        """What was used, as far as the parts say it."""
        if self._format == "openai_chat":
            said = _openai(self._counters("usage"), "prompt_tokens", "completion_tokens")
        elif self._format == "openai_responses":
            said = _openai(self._counters("usage"), "input_tokens", "output_tokens")
        elif self._format == "anthropic":
            said = _anthropic(self._counters("usage"))
        elif self._format == "gemini":
            said = _gemini(self._counters("usageMetadata"))
        else:
            said = self._ollama()
        tokens: Tokens = said["tokens"]
        try:
            tokens.check()
        except InvalidField as error:
            raise BadUsage("usage", error.value, error.rule) from error
        said.setdefault("service_tier", _word(self._found.get("serviceTier")))
        return Usage(
            provider=self._provider,
            model=_word(self._found.get("model")) or _word(self._found.get("modelVersion")),
            request_id=_word(self._found.get("id")) or _word(self._found.get("responseId")),
            **said,
        )

    def _counters(self, field: str) -> _Counters:
        counters = _mapping(self._found.get(field))
        if not counters:
            raise NoUsage(field)
        return _Counters(field, counters)

    def _ollama(self) -> dict[str, Any]:
        if "promptEvalCount" not in self._found and "evalCount" not in self._found:
            raise NoUsage("eval_count")
        counters = _Counters("", self._found)
        tokens = Tokens(input_uncached=counters.count("promptEvalCount"), output=counters.count("evalCount"))
        return {"tokens": tokens}


class _Counters:
    """An object of counters, and where it stands."""

    def __init__(self, path: str, fields: Mapping[str, Any]) -> None:
        self.path = path
        self.fields = fields

    def field(self, name: str) -> Any:
        if name in self.fields:
            return self.fields[name]
        return next((value for known, value in self.fields.items() if _camel_case(known) == name), None)

    def count(self, name: str) -> int:
        """A counter; 0 where there is none."""
        value = self.field(name)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
            raise BadUsage(f"{self.path}.{name}".lstrip("."), value, "must be a whole number from 0 to 10^12")
        return value

    def inner(self, name: str) -> _Counters:
        return _Counters(f"{self.path}.{name}", _mapping(self.field(name)))

    def of_medium(self, name: str, medium: str) -> int:
        """The sum of one medium in a list of tokens by medium."""
        entries = [_Counters(f"{self.path}.{name}", _mapping(entry)) for entry in _list(self.field(name))]
        return sum(entry.count("tokenCount") for entry in entries if _word(entry.field("modality")) == medium)

    def without(self, whole: int, part: str, count: int) -> int:
        if count > whole:
            raise BadUsage(f"{self.path}.{part}", count, "must not be more than what it is a part of")
        return whole - count


def _openai(counters: _Counters, input: str, output: str) -> dict[str, Any]:
    given, made = counters.inner(f"{input}_details"), counters.inner(f"{output}_details")
    cached, reasoning = given.count("cached_tokens"), made.count("reasoning_tokens")
    uncached = given.without(counters.count(input), "cached_tokens", cached)
    output_tokens = counters.count(output)
    shown = made.without(output_tokens, "reasoning_tokens", reasoning)
    tokens = Tokens(input_uncached=uncached, cached_input=cached, output=output_tokens, reasoning=reasoning)
    heard, spoken = min(given.count("audio_tokens"), uncached), min(made.count("audio_tokens"), shown)
    return {"tokens": tokens, "units": _units(input_audio_tokens=heard, output_audio_tokens=spoken)}


def _anthropic(counters: _Counters) -> dict[str, Any]:
    parts = [_messages(counters)]
    for nth, part in enumerate(_list(counters.field("iterations"))):
        # A compaction within the call is not in the call's own counters; they are those of the message.
        if _word(_mapping(part).get("type")) == "compaction":
            parts.append(_messages(_Counters(f"usage.iterations[{nth}]", _mapping(part))))
    thinking = counters.inner("output_tokens_details").count("thinking_tokens")
    tokens = Tokens(
        input_uncached=sum(part.input_uncached for part in parts),
        cached_input=sum(part.cached_input for part in parts),
        cache_write=sum(part.cache_write for part in parts),
        output=sum(part.output for part in parts),
        reasoning=min(thinking, parts[0].output),
        cache_write_1h=sum(part.cache_write_1h for part in parts),
    )
    speed = _word(counters.field("speed"))
    tier = speed if speed and speed != "standard" else _word(counters.field("service_tier"))
    searches = counters.inner("server_tool_use").count("web_search_requests")
    return {"tokens": tokens, "service_tier": tier, "labels": {"web_searches": str(searches)} if searches else {}}


def _messages(counters: _Counters) -> Tokens:
    """Anthropic's counters. Input does not include what was read from or written to a cache."""
    by_lifetime = counters.inner("cache_creation")
    hour = by_lifetime.count("ephemeral_1h_input_tokens")
    written = hour + by_lifetime.count("ephemeral_5m_input_tokens")
    return Tokens(
        input_uncached=counters.count("input_tokens"),
        cached_input=counters.count("cache_read_input_tokens"),
        cache_write=max(counters.count("cache_creation_input_tokens"), written),
        output=counters.count("output_tokens"),
        cache_write_1h=hour,
    )


def _gemini(counters: _Counters) -> dict[str, Any]:
    cached, thoughts = counters.count("cachedContentTokenCount"), counters.count("thoughtsTokenCount")
    candidates = counters.count("candidatesTokenCount")
    uncached = counters.without(counters.count("promptTokenCount"), "cachedContentTokenCount", cached)
    uncached += counters.count("toolUsePromptTokenCount")
    tokens = Tokens(
        input_uncached=uncached, cached_input=cached, output=candidates + thoughts, reasoning=thoughts
    )

    def given(medium: str) -> int:
        of = counters.of_medium
        both = of("promptTokensDetails", medium) + of("toolUsePromptTokensDetails", medium)
        return max(both - of("cacheTokensDetails", medium), 0)

    heard = min(given("AUDIO"), uncached)
    spoken = min(counters.of_medium("candidatesTokensDetails", "AUDIO"), candidates)
    units = _units(
        input_audio_tokens=heard,
        input_image_tokens=min(given("IMAGE"), uncached - heard),
        output_audio_tokens=spoken,
        output_image_tokens=min(counters.of_medium("candidatesTokensDetails", "IMAGE"), candidates - spoken),
    )
    return {"tokens": tokens, "units": units}


def _units(**counts: int) -> dict[str, int]:
    return {unit: count for unit, count in counts.items() if count}


def _mapping(value: object) -> dict[str, Any]:
    """A response, or a part of one, as a `dict`: libraries of providers have objects of their own."""
    if isinstance(value, Mapping):
        return dict(value)
    for name in ("model_dump", "to_dict"):
        method = getattr(value, name, None)
        if callable(method):
            dumped = method()
            return dict(dumped) if isinstance(dumped, Mapping) else {}
    return {}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _word(value: object) -> str | None:
    """A text, also where a library has an enumeration for it."""
    value = getattr(value, "value", value)
    return value if isinstance(value, str) and value else None


def _camel_case(name: str) -> str:
    return re.sub("_+(.?)", lambda match: match[1].upper(), name)
