"""Writes libs/tokenizers/test/chat-templates.json: what Jinja, as transformers sets it up, makes of small templates.

Each is rendered with the messages below, for what people's chat templates do; null stands for an error.
"""

import json
from pathlib import Path

import jinja2
from transformers.utils.chat_template_utils import _compile_jinja_template

OUT = Path(__file__).resolve().parents[2] / "libs/tokenizers/test/chat-templates.json"
MESSAGES = [
    {"role": "user", "content": "  Hello, World! \n"},
    {"role": "assistant", "content": "xx<think>plan</think>a-b--cxx"},
    {"role": "user", "content": "Ünï <b>&'\" 中 é🙂 12"},
]
USER = "messages[0].content"
ANSWER = "messages[1].content"
LAST = "messages[2]['content']"

EXPRESSIONS = [
    # Methods of texts.
    f"{USER}.strip()", f"{USER}.lstrip() ~ '|'", f"{USER}.rstrip() ~ '|'", f"{ANSWER}.strip('x')", f"{ANSWER}.lstrip('x')",
    f"{ANSWER}.rstrip('cx')", f"{ANSWER}.strip('xc-')", f"{USER}.strip(' \\n')", f"{USER}.strip(none)",
    f"{ANSWER}.split('-')", f"{ANSWER}.split('-', 1)", f"{ANSWER}.split('</think>')[-1].lstrip('\\n')", f"{USER}.split()",
    f"{USER}.split(none, 1)", f"{ANSWER}.split('-', maxsplit=1)", f"{ANSWER}.rsplit('-', 1)", f"{ANSWER}.split('')",
    f"{ANSWER}.partition('-')", f"{ANSWER}.rpartition('-')", "'a\\nb\\r\\nc'.splitlines()", f"{ANSWER}.startswith('xx')",
    f"{ANSWER}.startswith(('q', 'xx'))", f"{ANSWER}.endswith(('q', 'z'))", f"{ANSWER}.startswith('think', 3)",
    f"{ANSWER}.find('plan')", f"{ANSWER}.rfind('x')", f"{ANSWER}.find('nothing')", f"{ANSWER}.index('nothing')",
    f"{ANSWER}.count('-')", f"{ANSWER}.replace('x', 'y')", f"{ANSWER}.replace('x', 'y', 1)", f"{ANSWER}.replace('', '.')",
    f"{LAST}.upper()", f"{LAST}.lower()", f"{LAST}.title()", "'hELLO wORLD'.capitalize()", "\"they're x-ray\".title()",
    "'ab'.join(['1', '2'])", "'-'.join('abc')", "'-'.join([1])", "'x'.center(5, '*')", "'7'.zfill(3)", "'ab'.ljust(4) ~ '|'",
    "'12'.isdigit()", "'a1'.isalnum()", "'ab'.isalpha()", "' '.isspace()", "'Ab'.islower()", "'AB'.isupper()",
    "'abc'.removeprefix('a')", "'abc'.removesuffix('bc')", "'{} {}'.format(1, 'a')", "'%s-%d' % ('a', 3)", "'%05.1f' % 2.5",
    "'a' * 3", "'a' + 'b'", "'a' + 1", "'a' ~ 1 ~ none ~ true ~ 1.0", "'b' in 'abc'", "'b' not in ['a']", "'Straße'.casefold()",
    "'aXb'.swapcase()", "'a\\tb'.expandtabs(4)", "'abc'.nothing", "'abc'.nothing()", "'abc' | length", "'é🙂'|length",
    "'é🙂中'[1]", "'é🙂中'[::-1]", "'abcdef'[1:4]", "'abcdef'[-2:]", "'abcdef'[:-2:2]", "'abcdef'[9]", "'abc'[1:][0]",
    # Lists, tuples and dictionaries.
    "[1, 2, 3][::-1]", "[1, 2, 3][-1]", "[1, 2, 3][1:]", "[1, 2] + [3]", "(1, 2)", "(1,)", "()", "[]", "{}", "[1, 2] * 2",
    "[none, true, 1.5, 'a\\'b', \"it's\", 'x\\ny']", "{'a': 1, 'b': [2]}", "{'a': 1}.get('a')", "{'a': 1}.get('b')",
    "{'a': 1}.get('b', 5)", "{'a': 1}['b']", "{'a': 1}.b", "{'a': {'b': 2}}.a.b", "{'items': 3}['items']", "{'a': 1}.items()",
    "{'a': 1}.items() | list", "{'a': 1, 'b': 2}.keys() | list", "{'a': 1}.values() | list", "{'b': 1, 'A': 2} | dictsort",
    "{'b': 1, 'a': 2} | dictsort(by='value')", "{'b': 1, 'a': 2} | dictsort(reverse=true)", "{'a': 1} | items | list",
    "{1: 'a'}[1]", "{'a': 1} == {'a': 1}", "[1, [2]] == [1, [2]]", "'a' in {'a': 1}", "(1, 2) == [1, 2]", "[1, 2].index(2)",
    "[3, 1].count(3)", "[1, 2].append(3)", "{'a': 1}.update({'b': 2})", "dict(a=1, b=2)", "messages | length",
    # Filters.
    f"{USER} | trim", f"{ANSWER} | trim('x')", "['b', 'A', 'c'] | sort", "[3, 1, 2] | sort(reverse=true)",
    "['b', 'A'] | sort(case_sensitive=true)", "messages | sort(attribute='content') | map(attribute='role') | join(',')",
    "[1, 2, 3] | first", "[1, 2, 3] | last", "[] | first", "'abc' | first", "[1, 2, 3] | reverse | list", "'abc' | reverse",
    "[1, 2, 2, 1] | unique | list", "['a', 'B', 'b'] | unique | join", "[1, 2, 3] | sum", "[1, 5, 3] | max", "[4, 2] | min",
    "[1, 2, 3, 4] | batch(3) | list", "[1, 2, 3] | slice(2) | list", "[1, none] | join('-')", "messages | join(',', attribute='role')",
    "messages | map(attribute='role') | list", "messages | map(attribute='name', default='?') | list", "['a', 'b'] | map('upper') | list",
    "[' a '] | map('trim') | join", "['1', '2'] | map('int') | sum", "messages | selectattr('role', 'equalto', 'user') | list | length",
    "messages | selectattr('role', '==', 'user') | map(attribute='content') | first", "messages | rejectattr('role', 'eq', 'user') | list | length",
    "messages | selectattr('name', 'defined') | list", "messages | selectattr('role') | list | length", "[1, 2, 3] | select('odd') | list",
    "[0, 1, ''] | select | list", "[1, 2, 3] | reject('even') | list", "[1, 4] | select('>', 2) | list", "messages | groupby('role') | map('first') | list",
    "[1, 2, 3] | select('in', [1, 3]) | list", "'abc' | list", "{'a': 1} | list", "5 | string", "none | string", "[1, 'a'] | string",
    "'3' | int", "'x' | int", "'x' | int(7)", "'3.7' | int", "3.7 | int", "'3.5' | float", "-3.7 | int", "3 | float", "-3 | abs", "2.5 | round",
    "2.567 | round(2)", "2.5 | round(0, 'floor')", "'a b' | title", "'a B' | capitalize", "'A' | lower", "'a' | upper", "nothing | default('d')",
    "'' | default('d')", "'' | default('d', true)", "nothing | d('x')", "none | default('d')", "'a<b' | escape", "'a<b' | e", "'a<b' | safe",
    "'ab' | replace('a', 'c')", "'aaa' | replace('a', 'b', 2)", "'a\\nb\\n\\nc' | indent", "'a\\nb' | indent(2, first=true)", "'a\\n\\nb' | indent(2, true, true)",
    "'a\\nb' | indent('> ')", "'a b c d' | wordcount", "'a long text here' | truncate(8)", "'abc' | center(7)", "'%s=%s' | format('a', 1)",
    "'a b' | urlencode", "'x' | attr('y')", "{'a': 1} | attr('a')", "'<p>a</p>' | striptags", "1234567 | filesizeformat", "[1, 2] | random | string | length",
    "[1] | nothing", "'a' | nothing(1)", "{'a': [1, {'b': none}], 'c': 'é<&>\\''} | tojson", "{'a': [1, 2], 'b': {}} | tojson(indent=2)",
    "{'b': 1, 'a': 'é'} | tojson(ensure_ascii=true, sort_keys=true)", "[1.0, true, 'a\"\\n'] | tojson", "{'a': 1} | tojson(separators=(',', ':'))",
    "messages | tojson", "messages[0] | tojson(indent=4)", "[] | tojson(2)",
    # Tests.
    "nothing is defined", "messages is defined", "messages[0].name is defined", "messages[0].name is not defined", "tools is defined", "tools is none",
    "tools is not none", "messages is string", "'a' is string", "{} is mapping", "messages is iterable", "'a' is iterable", "5 is iterable",
    "messages is sequence", "{} is sequence", "1 is number", "1.5 is number", "true is number", "1.5 is integer", "1.5 is float", "true is integer",
    "true is boolean", "true is true", "1 is true", "0 is false", "4 is even", "4 is odd", "6 is divisibleby(3)", "6 is divisibleby 4", "3 is eq 3",
    "3 is equalto(4)", "3 is ne 3", "3 is lt 4", "3 is greaterthan(4)", "'a' is in ['a']", "'A' is upper", "'a' is lower", "none is none",
    "none is sameas none", "raise_exception is callable", "'a' is nothing", "'x' is filter", "'upper' is filter", "'odd' is test", "not nothing is defined",
    # Operators.
    "1 + 2 * 3", "(1 + 2) * 3", "7 // 2", "-7 // 2", "7 % 3", "-7 % 3", "7 / 2", "4 / 2", "2 ** 3", "2 ** -1", "2 ** 3 ** 2", "-2 ** 2", "1 < 2 < 3", "3 > 2 > 2",
    "1 == 1.0", "'1' == 1", "true == 1", "none == false", "not true", "not 1 == 2", "1 and 0", "0 or 'x'", "'' or none", "true and 'a' or 'b'", "1 if true else 2",
    "1 if false", "'a' if nothing else 'b'", "1 ~ 2 + 3", "1 - -1", "- 3", "+3", "1e3", "1_000", "0x1f", "1.50", "10000000000000000000000", "'a' < 'b'", "[1, 2] < [1, 3]",
    "1 < 'a'", "none + 1", "nothing + 1", "nothing ~ 'a'", "nothing.more", "messages[0].nothing.more", "messages[7]", "'a' 'b'", "'\\x41\\u00e9\\d'", "\"a\\\"b\"",
    "true", "True", "None", "none", "false", "1.0", "0.1 + 0.2", "1e16", "1e-7", "100000 * 1.0", "3 is odd and 4 is even", "5 * '-'", "'a' == 'a' | upper", "-1 | abs", "-5 // 2 | abs",
    # Functions.
    "range(3) | list", "range(1, 7, 2) | list", "range(3)", "range(5)[-1]", "raise_exception('no')", "nothing()", "messages()", "namespace(a=1).a", "cycler('a', 'b').next()",
    "joiner(',')() ~ 'x'", "lipsum(n=1) | length > 0", "bos_token", "eos_token", "add_generation_prompt", "loop", "self", "strftime_now('%d %b %Y') | length",
    "strftime_now is defined", "date_string is defined", "caller is defined", "documents", "messages.0.role", "messages[-1].role", "messages[0]['role'] == 'user'",
    "messages[:1] | length", "messages[1:] | map(attribute='role') | join(' ')", "messages[0].keys() | list", "messages[0].content.nothing is defined",
    "messages[0].__class__", "''.__class__", "[].__len__()", "messages[0].items() | list | length", "messages[0].get('tool_calls') is none",
    "messages[0].content | trim is string", "(messages[0].content | trim)[:5]", "messages[0]['content'] is string and messages[0]['content'] is not mapping",
]  # fmt: skip

TEMPLATES = [
    # Loops.
    "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }};{% endfor %}",
    "{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined }}>{{ loop.nextitem.role if loop.nextitem }};{% endfor %}",
    "{% for m in messages if m.role == 'user' %}{{ loop.index }}/{{ loop.length }}{{ m.content | trim }};{% endfor %}",
    "{% for m in [] %}x{% else %}empty{% endfor %}", "{% for m in [1] %}{% continue %}x{% else %}empty{% endfor %}",
    "{% for i in range(5) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in {'a': 1} %}{{ k }}{% endfor %}", "{% for c in 'abc' %}{{ c }}.{% endfor %}",
    "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}", "{% for a in 5 %}x{% endfor %}", "{% for a in none %}x{% endfor %}",
    "{% for a in nothing %}x{% else %}none{% endfor %}", "{% for i in [1, 2, 3] %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for i in [1, 1, 2] %}{{ loop.changed(i) }}{% endfor %}",
    "{% for i in [1, 2] %}{% for j in [3] %}{{ loop.index }}{{ i }}{% endfor %}{{ loop.index }}{% endfor %}", "{% for i in [1] %}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}",
    "{% for i in [1, 2] %}{% set x = i %}{% endfor %}{{ x is defined }}", "{% set x = 0 %}{% for i in [1, 2] %}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 5 %}{% for i in [1, 2] %}{{ x }}{% set x = i %}{% endfor %}", "{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
    "{% set ns = namespace() %}{% set ns.a = 'b' %}{{ ns.a }}{{ ns.c is defined }}", "{% set d = {} %}{% set d.a = 1 %}{{ d }}", "{% for i in [[1, [2, []]]] recursive %}{{ loop.depth }}{% endfor %}",
    "{% set i = 9 %}{% for i in [1] %}{% endfor %}{{ i }}", "{% for m in messages | reverse %}{{ m.role }}{% endfor %}", "{% for m in messages[1:] %}{{ m.role }}{% endfor %}", "{% for m in messages %}{{ m }}{% endfor %}",
    "{% for x in ([1] if true else [2]) %}{{ x }}{% endfor %}", "{% for g, l in messages | groupby('role') %}{{ g }}{{ l | length }};{% endfor %}", "{% for b in [1, 2, 3] | batch(2, 'x') %}{{ b }}{% endfor %}",
    # Set, if, macros.
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a = 1, 2 %}{{ a }}", "{% set x %}a{{ 1 }}b{% endset %}{{ x }}", "{% set x | upper %}abc{% endset %}{{ x }}", "{% if 0 %}a{% elif '' %}b{% elif [1] %}c{% else %}d{% endif %}",
    "{% if messages[0].role == 'user' and not nothing %}y{% endif %}", "{% if true %}{% set x = 1 %}{% endif %}{{ x }}", "{% if nothing %}{% set x = 1 %}{% endif %}{{ x is defined }}",
    "{% macro f(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ f(1) }} {{ f(1, 3) }} {{ f(b=4, a=5) }}", "{% macro f(a) %}{{ a is defined }}{% endmacro %}{{ f() }}", "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, x=2) }}", "{% macro f() %}{{ caller() }}!{% endmacro %}{% call f() %}in{% endcall %}", "{% macro f() %}{{ caller('v') }}{% endmacro %}{% call(x) f() %}<{{ x }}>{% endcall %}",
    "{% set x = 1 %}{% macro f() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ f() }}", "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "{% macro f() %}a{% endmacro %}{{ f() | upper }}{{ f.name }}",
    "{% for i in [1] %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}", "{% macro f() %}{% set y = 1 %}{% endmacro %}{{ f() }}{{ y is defined }}", "{% filter upper %}abc{{ 'd' }}{% endfilter %}", "{% filter replace('a', 'b') %}aa{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}", "{% generation %}x{% endgeneration %}", "{%- generation -%} x {%- endgeneration -%} y", "a{% do [].append(1) %}b", "{% block x %}y{% endblock %}", "{% include 'x' %}",
    "{% raw %}{{ x }}{% y %}{% endraw %}", "{% autoescape false %}a{% endautoescape %}", "{% nothing %}", "{% if true %}", "{{ 1", "{% set = 3 %}", "{{ }}", "{% endif %}", "{{ 1 2 }}", "{{ [1 2] }}", "{{ f(a b) }}", "{% set x = 1 %}{{ x }}{% set x = x + 1 %}{{ x }}",
    # White space.
    "a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a  {%- if true -%}  b  {%- endif -%}  c", "  {{ 1 }}\n  {{ 2 }}\n", "{{- 1 }}  {{ 2 -}}  x", "a {# note #} b\n  {# more #}\nc", "a {#- note -#} b", "{% if true +%}\nx{% endif %}", "  {%+ if true %}x{% endif %}",
    "x\n\n", "x\r\ny\r\n", "\n{% set x = 1 %}\n\n{{ x }}\n", "{{ 'a\nb' }}", "{{ 'a' }}\n{% if true %}\n{% endif %}\nb", "\t{% if true %}\tx{% endif %}\t", "a\u00a0{%- if true %}b{% endif %}", "{%- for m in messages %}\n    {{- m.role }}\n{%- endfor %}\n",
    "{{ '{% x %}' }}", "{{ '}}' }}", "{{ {'a': {'b': 1}}['a'] }}", "{{{'a': 1}}}", "{ { } } {x}", "{{ '#}' }}\n|", "a #}\nb", "{{ '-}' }}\n|", "{% set x = '%}' %}{{ x }}", "{{ \"{{\" }}", "text {#not closed", "%} }} #}\n x",
    # Templates as people write them.
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}",
    "{%- set loop_messages = messages %}\n{%- for message in loop_messages %}\n    {%- set content = '<|start|>' + message['role'] + '\\n\\n'+ message['content'] | trim + '<|end|>' %}\n    {%- if loop.index0 == 0 %}\n        {%- set content = '<s>' + content %}\n    {%- endif %}\n    {{- content }}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|start|>assistant\\n\\n' }}\n{%- endif %}",
    "{%- if messages[0]['role'] == 'system' %}{%- set system = messages[0]['content'] %}{%- set rest = messages[1:] %}{%- else %}{%- set rest = messages %}{%- endif %}{%- for m in rest %}{{ m.role }}{% if not loop.last %},{% endif %}{%- endfor %}{{ system is defined }}",
    "{%- set ns = namespace(last=messages|length - 1, found=false) %}{%- for m in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{%- if not ns.found and m.role == 'user' and m.content is string and not(m.content.startswith('<tool>') and m.content.endswith('</tool>')) %}{%- set ns.found = true %}{%- set ns.last = index %}{%- endif %}{%- endfor %}{{ ns.last }}",
    "{%- for m in messages %}{%- if '</think>' in m.content %}{%- set reasoning = m.content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}{%- set content = m.content.split('</think>')[-1].lstrip('\\n') %}{{ reasoning }}|{{ content }}{%- endif %}{%- endfor %}",
    "{% macro part(m) -%}{%- if m.content is string -%}{{- m.content.strip() -}}{%- elif m.content is iterable -%}{%- for item in m.content -%}{%- if item['type'] == 'text' -%}{{ item['text'] }}{%- endif -%}{%- endfor -%}{%- endif -%}{%- endmacro -%}\n{% for m in messages %}{{ part(m) }}\n{% endfor %}",
    "{% if tools %}{{ tools | tojson }}{% else %}no tools{% endif %}{% if documents is defined and documents %}d{% endif %}",
    "{% set roles = {'user': 'U', 'assistant': 'A'} %}{% for m in messages %}{{ roles[m.role] }}: {{ m.content|trim }}{{ '\\n' if not loop.last else '' }}{% endfor %}",
    "{%- for m in messages -%}{%- set role = 'model' if m.role == 'assistant' else m.role -%}{{ '<turn>' + role + '\\n' -}}{{ m.content | trim }}{{ '<end>\\n' -}}{%- endfor -%}",
    "{% for m in messages %}{% if m.role not in ['user', 'assistant', 'system'] %}{{ raise_exception('Unknown role: ' ~ m.role) }}{% endif %}{% endfor %}ok",
    "{% if not date_string is defined %}{% if strftime_now is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% else %}{% set date_string = '26 Jul 2024' %}{% endif %}{% endif %}{{ date_string | length }}",
    "{% set text = messages | map(attribute='content') | map('trim') | join('\\n') %}{{ text }}", "{%- set user = messages | selectattr('role', 'equalto', 'user') | list -%}{{ user[-1].content[:3] }}{{ user | length }}",
]  # fmt: skip


def rendered(template: str) -> str | None:
    fields = {"messages": MESSAGES, "tools": None, "documents": None, "add_generation_prompt": True}
    try:
        return _compile_jinja_template(template).render(**fields, bos_token="<bos>", eos_token="<eos>")
    except Exception:  # noqa: BLE001
        return None


if __name__ == "__main__":
    cases = [[each, rendered(each)] for each in [*(f"{{{{ {each} }}}}" for each in EXPRESSIONS), *TEMPLATES]]
    made = {"source": f"jinja2 {jinja2.__version__}", "messages": MESSAGES, "cases": cases}
    OUT.write_text(json.dumps(made, ensure_ascii=False) + "\n")
    print(len(cases), "templates,", sum(result is None for _, result in cases), "of which fail")
