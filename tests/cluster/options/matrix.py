"""What a run saw, as docs/reference/options.json keeps it."""

from module_utils.ingresskit.model.options import Options
from tests.cluster.options import CASES
from tests.cluster.options.variants import VARIANTS


def seen(stands):
    """Variant -> title, what ran, and for every option the cases that work and those that are refused, with why."""
    return {each.name: seen_of(each, stands.get(each.name)) for each in VARIANTS}


def seen_of(variant, stand):
    works = {each.name for each in variant.cases()} if variant.ran else stand.proven() if stand else set()
    return {
        "title": variant.title,
        "ran": variant.ran or (what_ran(stand) if stand else "nothing"),
        "verb": "rendered" if variant.ran else "proven",
        "options": {option: found for option in Options.model_fields if (found := of_option(variant, option, works))},
    }


def of_option(variant, option, works):
    mine = [each for each in CASES if each.option == option]
    refused = {each.name: why(variant.refused(each)) for each in mine if variant.refused(each)}
    return {"works": [each.name for each in mine if each.name in works], "refused": refused} if mine else {}


def why(findings):
    return "; ".join(dict.fromkeys(message for _, message in findings))


def what_ran(stand):
    report = stand.run().smoke["ingresskit_report"]
    doubles = any("TEST DOUBLE" in note for note in report["notes"])
    return f"{report['controller']}, {'a TEST DOUBLE of it' if doubles else 'the real one'}"
