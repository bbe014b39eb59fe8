"""Calls every tool with the official SDK, which checks each answer against the tool's own schema."""

import asyncio
import os
import sys

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

BINARY, URL = sys.argv[1:]
KEY = os.environ["TOLLGATE_API_KEY"]

SPEND = {"task": "T-1", "model": "gpt-5", "tokens": 2000}
USED = {"task": "T-1", "model": "gpt-5", "allocation": "a-1", "tokens": {"input_uncached": 1000, "output": 200}}
CALLS = [
    ("gate", {"task": "T-1", "advance_to": "PLAN", "idempotency_key": "g-1"}),
    ("CheckBudget", SPEND),
    ("GetModelRecommendations", SPEND),
    ("RouteWithBudgetAwareness", SPEND),
    ("AllocateBudget", {**SPEND, "idempotency_key": "a-1"}),
    ("RecordUsage", {**USED, "idempotency_key": "u-1"}),
    ("GetBudgetStatus", {}),
    ("GetBudgetStatus", {"task": "T-1"}),
    ("GetBudgetStatus", {"policy": "daily"}),
    ("GetUsageAnalytics", {"group_by": "model", "by": "day"}),
    ("GetBudgetReport", {}),
    ("GetBudgetReport", {"task": "T-1"}),
    ("explain", {"task": "T-1"}),
]


async def work(client):
    tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == {name for name, _ in CALLS}, tools
    for name, arguments in CALLS:
        result = await client.call_tool(name, arguments)
        assert not result.is_error, (name, result)
        assert result.structured_content is not None, (name, result)
    refused = await client.call_tool("GetBudgetStatus", {"task": "T-9"})
    assert refused.is_error and "task_unknown" in refused.content[0].text, refused
    for resource in (await client.list_resources()).resources:
        read = await client.read_resource(resource.uri)
        assert read.contents[0].text, resource
    assert (await client.list_resource_templates()).resource_templates
    for prompt in (await client.list_prompts()).prompts:
        given = {argument.name: "T-1" for argument in prompt.arguments if argument.required}
        assert (await client.get_prompt(prompt.name, given)).messages, prompt


async def main():
    for mode, revision in (("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")):
        environment = {"TOLLGATE_API_KEY": KEY}
        command = StdioServerParameters(command=BINARY, args=["--server", URL, "mcp"], env=environment)
        async with Client(command, mode=mode) as client:
            await work(client)
        print("stdio", revision)
    for mode, revision in (("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")):
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}) as http:
            async with Client(streamable_http_client(f"{URL}/mcp", http_client=http), mode=mode) as client:
                await work(client)
        print("http", revision)


asyncio.run(main())
