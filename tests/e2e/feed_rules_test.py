"""What the merchant rules in a feed, through the real server with one, two and three shards: random rules over a made-up
shop, each feed compared item by item with a twin that fills one place after the other by loops over all items, and each
page held to what must never happen (not listed, not eligible, held back, another store's, shown on an earlier page).

Run: feed_rules_test.py [unittest's arguments]; SHOAL_SEED chooses another shop.
"""
import math
import os
import random
import time
import unittest

from rpc import RpcError, Server

DAY = 86_400_000
NOW = int(time.time()) // 3600 * 3_600_000  # events are not later than the server's clock
SEED = int(os.environ.get("SHOAL_SEED", "41"))
KINDS = ["served", "seen", "skipped", "disliked", "bought"]
KIND_OF = {"impression": "served", "view": "seen", "skip": "skipped", "dislike": "disliked", "purchase": "bought"}
RELAX = ["diversity", "quota", "served", "skipped", "seen", "cap", "bought"]
BRANDS = ["自有", "Acme", "Bolt", "Cord"]
STORES = ["北京一店", "上海'二店"]


class Shop:
    def __init__(self, seed):
        draw = random.Random(seed)
        self.items = {}
        for i in range(110):
            self.items[f"i{i:03}"] = {
                "brand": draw.choice(BRANDS) if draw.random() < 0.9 else None,
                "price": draw.randrange(1, 200),
                "since": NOW - draw.randrange(0, 60) * DAY,
                "stock": draw.choice([0, 1, 5, 5, 9]),
                "tags": sorted(draw.sample(["茶", "mug", "rug", "lamp", "pot", "mat"], draw.randrange(0, 4))),
                "stores": sorted(draw.sample(STORES, draw.choice([0, 0, 1, 2]))),
                "only": ["vip"] if draw.random() < 0.1 else [],
            }
        self.users = {f"u{i}": {"tier": draw.choice(["gold", "silver"]), "interests": draw.sample(["茶", "mug", "rug"], 1)}
                      for i in range(6)}
        self.events = []
        for user in self.users:
            for _ in range(draw.randrange(0, 120)):
                event = draw.choice(list(KIND_OF) + ["impression", "impression", "view"])
                self.events.append((event, user, draw.choice(list(self.items)), NOW - draw.randrange(0, 12 * DAY)))

    def load(self, client):
        client.call("schema.put", users={"attributes": [{"name": "tier", "type": "string"}], "tag_sets": [{"name": "interests"}]},
                    items={"attributes": [{"name": "brand", "type": "string"}, {"name": "price", "type": "int"},
                                          {"name": "stock", "type": "int"}, {"name": "since", "type": "time"}],
                           "tag_sets": [{"name": "tags"}, {"name": "stores"}, {"name": "only"}]},
                    events=[{"name": name} for name in KIND_OF], feed={"eligible": "stock > 0", "listed_since": "since"})
        client.call("item.put", items=[{"id": item, **row} for item, row in self.items.items()])
        client.call("user.put", users=[{"id": user, **row} for user, row in self.users.items()])
        client.call("segment.put", name="vip", where="tier = 'gold'")
        client.call("event.append", events=[{"type": e, "user": u, "item": i, "time": t} for e, u, i, t in self.events])


def matches(row, where):
    kind, value = where
    if kind == "brand":
        return row["brand"] == value
    if kind == "tag":
        return value in row["tags"]
    return row["price"] < value


def text_of(where):
    kind, value = where
    return {"brand": f"brand = '{value}'", "tag": f"tags has '{value}'", "cheap": f"price < {value}"}[kind]


class Twin:
    """One feed, by loops."""

    def __init__(self, shop, base, user, rules, filter_, store):
        self.shop, self.rules, self.user = shop, rules, user
        self.base = base
        self.allowed = {item for item, row in shop.items.items() if self.may_show(row, filter_, store)}
        self.held = {item: self.held_by(item) for item in self.allowed}
        self.score = {item: self.score_of(item) for item in self.allowed}
        self.relax = rules.get("relax", RELAX)

    def may_show(self, row, filter_, store):
        gold = self.user is not None and self.shop.users[self.user]["tier"] == "gold"
        return (row["stock"] > 0 and (filter_ is None or matches(row, filter_))
                and (store is None or not row["stores"] or store in row["stores"])
                and (gold or not row["only"]))

    def acts(self, item, kind, days):
        return [t for e, u, i, t in self.shop.events
                if u == self.user and i == item and KIND_OF[e] == kind and NOW - days * DAY < t <= NOW]

    def held_by(self, item):
        days = {"bought": 30, "disliked": 365, **self.rules.get("held", {})}
        held = {kind for kind in KINDS if self.acts(item, kind, days.get(kind, 0))}
        for cap in self.rules.get("caps", []):
            if len(self.acts(item, cap["what"], cap["days"])) >= cap["count"]:
                held.add("cap")
        return held

    def score_of(self, item):
        base = self.base[item]
        score = base
        if "fatigue" in self.rules:
            fatigue = self.rules["fatigue"]
            seen = [t for e, u, i, t in self.shop.events
                    if u == self.user and i == item and KIND_OF[e] == "seen" and NOW - self.window() * DAY < t <= NOW]
            times = len([t for t in self.acts(item, "served", fatigue["days"]) if not seen or t > max(seen)])
            score += abs(base) * (fatigue["factor"] ** times - 1)
        for word, sign in (("boost", 1), ("bury", -1)):
            for boost in self.rules.get(word, []):
                if matches(self.shop.items[item], boost["_"]):
                    score += abs(base) * (boost.get("factor", 1) - 1) + sign * boost.get("points", 0)
        return score

    def window(self):
        """How far the walk through the user's events goes back."""
        days = {"bought": 30, "disliked": 365, **self.rules.get("held", {})}
        return max([*days.values(), *(cap["days"] for cap in self.rules.get("caps", [])), self.rules["fatigue"]["days"]])

    def level_of(self, item):
        level = 0
        while not self.held[item] <= set(self.relax[:level]):
            level += 1
            if level > len(self.relax):
                return level
        return level

    def broken_by(self, item, row):
        broken = set()
        rules = self.rules.get("diversity", [])
        for rule in [rules] if isinstance(rules, dict) else rules:
            value = self.shop.items[item][rule["attribute"]]
            same = [o for o in row[-(rule["window"] - 1):] if value is not None and self.shop.items[o][rule["attribute"]] == value]
            if len(same) >= rule["count"]:
                broken.add("diversity")
        for quota in self.rules.get("quotas", []):
            most = quota.get("at_most", quota["of"])
            near = row[-(quota["of"] - 1):] if quota["of"] > 1 else []
            if most < quota["of"] and matches(self.shop.items[item], quota["_"]):
                if sum(matches(self.shop.items[o], quota["_"]) for o in near) >= most:
                    broken.add("quota")
        return broken

    def quota_in_need(self, row):
        missing_of_all, left_of_all, first = 0, math.inf, None
        for quota in self.rules.get("quotas", []):
            least = quota.get("at_least", 0)
            past = len(row) % quota["of"]
            have = sum(matches(self.shop.items[o], quota["_"]) for o in row[len(row) - past:]) if least else 0
            if have >= least:
                continue
            left = quota["of"] - past
            if least - have >= left:
                return quota
            missing_of_all += least - have
            left_of_all = min(left_of_all, left)
            first = first or quota
        return first if missing_of_all >= left_of_all else None

    def pick(self, row, kept, where=None):
        for level in range(len(self.relax) + 1):
            relaxed = set(self.relax[:level])
            for at in range(level + 1):
                pool = [item for item in self.allowed
                        if item not in row and item not in kept and self.level_of(item) == at
                        and (where is None or matches(self.shop.items[item], where))]
                pool = [item for item in pool if self.broken_by(item, row) <= relaxed]
                if pool:
                    return self.best(pool)
        return None

    def best(self, pool):
        return min(pool, key=lambda item: (-self.score[item], item.encode()))

    def feed(self, count):
        row = []
        pins = {pin["place"]: pin["item"] for pin in self.rules.get("pins", []) if pin["item"] in self.allowed}
        slots = {slot["place"]: slot for slot in self.rules.get("slots", [])}
        while len(row) < count:
            place = len(row) + 1
            kept = {item for item in pins.values() if item not in row}
            item = pins.get(place)
            if item is None and place in slots:
                item = self.pick(row, kept, slots[place]["_"])
            quota = self.quota_in_need(row)
            if item is None and quota is not None:
                item = self.pick(row, kept, quota["_"])
            if item is None:
                item = self.pick(row, kept)
            if item is None:
                item = next((p["item"] for p in self.rules.get("pins", [])
                             if p["item"] in kept and p["place"] > place), None)
            if item is None and len(row) < self.rules.get("floor", 1):
                rest = [i for i in self.allowed if i not in row]
                for level in range(len(self.relax) + 2):  # all give way, what is least held back first
                    pool = [i for i in rest if self.level_of(i) == level]
                    if pool:
                        item = self.best(pool)
                        break
            if item is None:
                break
            row.append(item)
        return row


class FeedRules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"SHOAL_SEED={SEED}", flush=True)
        cls.shop = Shop(SEED)
        cls.servers = [Server(shards=1), Server(shards=2, io="epoll"), Server(shards=3, environment={"SHOAL_ISA": "scalar"})]
        cls.clients = [server.client(workspace="shop", timeout=60) for server in cls.servers]
        for client in cls.clients:
            cls.shop.load(client)
        for client in cls.clients:
            client.call("scene.put", name="default", rules={"targets": [{"tag_set": "only"}], "store_field": "stores"})

    @classmethod
    def tearDownClass(cls):
        for client, server in zip(cls.clients, cls.servers):
            client.close()
            server.stop()

    def ask(self, method, **params):
        """The answer, which all servers give alike."""
        answers = [client.call(method, **params) for client in self.clients]
        for answer in answers:
            for part in [answer, *answer.get("scenes", [])]:
                for key in ("took_us", "rec_id", "changed_at", "receipt", "erased_by", *(() if "seed" in params or "cursor" in params else ("cursor",))):
                    part.pop(key, None)
        for answer in answers[1:]:
            self.assertEqual(answer, answers[0], params)
        return answers[0]

    def refused(self, method, **params):
        errors = []
        for client in self.clients:
            with self.assertRaises(RpcError) as caught:
                client.call(method, **params)
            errors.append(caught.exception)
        return errors[0]

    # ---- Against the twin ----

    def base_scores(self, user, **params):
        """The score of every item without any rule, told by the feed itself: what it is made of is another test's."""
        free = {kind: 0 for kind in KINDS}
        feed = self.ask("feed.get", count=1000, now=NOW, held=free, scene="open", explain="full", seed=1, **params,
                        **({"user": user} if user else {"session": []}))
        for item in feed["items"]:
            self.assertEqual(sum_in_order(item["contributions"]), item["score"])
        return {item["id"]: item["score"] for item in feed["items"]}

    def draw_where(self, draw):
        return draw.choice([("brand", draw.choice(BRANDS)), ("tag", draw.choice(["茶", "mug", "mat"])), ("cheap", draw.randrange(10, 150))])

    def draw_rules(self, draw):
        rules = {}
        def where(extra):
            chosen = self.draw_where(draw)
            return {"where": text_of(chosen), "_": chosen, **extra}
        if draw.random() < 0.4:
            rules["boost"] = [where({"factor": draw.choice([1.5, 3])}), where({"points": 0.25})]
        if draw.random() < 0.4:
            rules["bury"] = [where({"factor": 0.5, "points": 0.5})]
        if draw.random() < 0.4:
            rules["pins"] = [{"item": item, "place": place} for item, place in
                             zip(draw.sample(list(self.shop.items), 3), draw.sample(range(1, 40), 3))]
        if draw.random() < 0.4:
            rules["slots"] = [where({"place": place}) for place in draw.sample(range(1, 30), 3)]
        if draw.random() < 0.5:
            of = draw.randrange(2, 8)
            least = draw.randrange(0, of)
            rules["quotas"] = [where({"of": of, "at_least": least}), where({"of": 5, "at_most": draw.randrange(1, 5)})]
        if draw.random() < 0.5:
            rules["diversity"] = {"attribute": "brand", "count": draw.randrange(1, 3), "window": draw.randrange(3, 6)}
        if draw.random() < 0.5:
            rules["held"] = {kind: draw.choice([0, 1, 5, 0.5]) for kind in draw.sample(KINDS, 3)}
        if draw.random() < 0.4:
            rules["caps"] = [{"what": draw.choice(KINDS[:2]), "count": draw.randrange(1, 4), "days": draw.randrange(1, 12)}]
        if draw.random() < 0.3:
            rules["fatigue"] = {"days": draw.randrange(1, 10), "factor": 0.5}
        if draw.random() < 0.4:
            rules["relax"] = draw.sample(RELAX + ["disliked"], draw.randrange(0, 8))
        if draw.random() < 0.3:
            rules["floor"] = draw.randrange(0, 20)
        return rules

    def test_random_rules_fill_the_places_that_the_twin_fills(self):
        for client in self.clients:
            client.call("scene.put", name="open", rules={"targets": [], "store_field": "stores"})
        draw = random.Random(SEED)
        base = {user: self.base_scores(user) for user in [*self.shop.users, None]}
        for step in range(120):
            user = draw.choice([*self.shop.users, None])
            rules = self.draw_rules(draw)
            filter_ = self.draw_where(draw) if draw.random() < 0.3 else None
            store = draw.choice(STORES) if draw.random() < 0.3 else None
            sent = {word: [{k: v for k, v in rule.items() if k != "_"} for rule in value] if isinstance(value, list) and value
                    and isinstance(value[0], dict) else value for word, value in rules.items()}
            params = {"now": NOW, "seed": 1, **sent, **({"user": user} if user else {"session": []}),
                      **({"filter": text_of(filter_)} if filter_ else {}), **({"store": store} if store else {})}
            count = draw.randrange(1, 45)
            twin = Twin(self.shop, base[user], user, rules, filter_, store)
            with self.subTest(step=step, params=params, count=count):
                feed = self.ask("feed.get", count=count, explain="full", **params)
                got = [item["id"] for item in feed["items"]]
                self.assertEqual(got, twin.feed(count))
                for item in feed["items"]:
                    self.assertAlmostEqual(item["score"], twin.score[item["id"]], places=9)
                    self.assertEqual(sum_in_order(item["contributions"]), item["score"])
                    self.assertLessEqual(set(item["contributions"]), CONTRIBUTIONS)
                self.check_pages(draw, twin, params, rules)
                self.check_explanations(draw, feed, params, count)

    def check_pages(self, draw, twin, params, rules):
        """Page after page: nothing twice, nothing that may not be shown, and the places of rules go on."""
        shown, cursor = [], None
        size = draw.randrange(2, 15)
        for _ in range(12):
            page = self.ask("feed.get", count=size, explain="full", **params, **({"cursor": cursor} if cursor else {}))
            shown += [item["id"] for item in page["items"]]
            for place, item in enumerate(page["items"], len(shown) - len(page["items"])):
                self.assertIn(item["id"], twin.allowed)
                if "pin" not in item["rules"]:
                    self.assertLessEqual(twin.held[item["id"]], set(item["relaxed"]))
                    gave_way = set(item["relaxed"]) - set(twin.relax)
                    self.assertTrue(not gave_way or place < rules.get("floor", 1), item)
            cursor = page.get("cursor")
            if cursor is None:
                break
        self.assertEqual(len(shown), len(set(shown)))
        for pin in rules.get("pins", []):
            if pin["item"] in twin.allowed and pin["place"] <= len(shown) and cursor is not None:
                self.assertEqual(shown[pin["place"] - 1], pin["item"])

    def check_explanations(self, draw, feed, params, count):
        order = {item["id"]: i for i, item in enumerate(feed["items"])}
        for item in draw.sample(list(self.shop.items), 3):
            why = self.ask("feed.explain", item=item, count=count, **params)
            self.assertEqual(why["shown"], item in order)
            self.assertEqual(sum_in_order(why["contributions"]), why["score"])
            self.assertAlmostEqual(sum(reason["value"] for reason in why["reasons"]), why["score"], places=9)
            if item in order:
                self.assertEqual(why["place"], order[item] + 1)
                self.assertEqual(why["score"], feed["items"][order[item]]["score"])
            else:
                self.assertIn(why["stage"], ("eligible", "filter", "store", "target", "held", "score", "place"))

    # ---- One by one ----

    def test_why_not_names_the_stage_and_the_rule(self):
        user = next(u for u in self.shop.users if self.shop.users[u]["tier"] == "silver")
        stage = lambda item, **params: self.ask("feed.explain", user=user, item=item, now=NOW, seed=1, **params)["stage"]
        stocked = lambda test: next(i for i, row in self.shop.items.items() if row["stock"] > 0 and test(row))
        plain = stocked(lambda row: not row["only"] and row["price"] > 20)
        self.assertEqual(stage(next(i for i, row in self.shop.items.items() if row["stock"] == 0)), "eligible")
        self.assertEqual(stage(plain, filter="price < 20"), "filter")
        self.assertEqual(stage(stocked(lambda row: row["only"])), "target")
        elsewhere = stocked(lambda row: row["stores"] == [STORES[0]] and not row["only"])
        self.assertEqual(stage(elsewhere, store=STORES[1]), "store")
        self.assertEqual(stage(plain, exclude=[plain]), "excluded")
        page = self.ask("feed.get", user=user, count=5, now=NOW, seed=1)
        self.assertEqual(stage(page["items"][0]["id"], cursor=page["cursor"]), "cursor")
        last = self.ask("feed.get", user=user, count=1000, now=NOW, seed=1, relax=[], floor=0)["items"][-1]["id"]
        why = self.ask("feed.explain", user=user, item=last, count=1, now=NOW, seed=1, relax=[], floor=0)
        self.assertEqual((why["stage"], why["rank"]), ("score", why["candidates"]))
        self.assertEqual(self.refused("feed.explain", user=user, item="nothing").status, "not_found")

    def test_mmr_puts_what_is_unlike_beside_each_other(self):
        pairs = lambda feed: sum(self.likeness(a["id"], b["id"]) for a, b in zip(feed["items"], feed["items"][1:]))
        plain = self.ask("feed.get", user="u0", count=20, now=NOW, seed=1)
        mixed = self.ask("feed.get", user="u0", count=20, now=NOW, seed=1, mmr=0.7, explain="full")
        self.assertEqual(plain["items"][0]["id"], mixed["items"][0]["id"])
        self.assertLess(pairs(mixed), pairs(plain))
        self.assertEqual(mixed["items"][1]["rules"], ["mmr"])

    def likeness(self, a, b):
        tags = lambda item: {*self.shop.items[item]["tags"], *self.shop.items[item]["stores"], self.shop.items[item]["brand"]}
        return len(tags(a) & tags(b)) / math.sqrt(max(1, len(tags(a)) * len(tags(b))))

    def test_scenes_are_saved_and_give_way_to_the_request(self):
        self.ask("scene.put", name="首页", rules={"pins": [{"item": "i001", "place": 2}], "floor": 3, "boost": [
            {"where": "brand = '自有'", "factor": 2, "name": "自有品牌"}]})
        self.assertEqual(self.ask("scene.put", name="首页", rules=self.ask("scene.get", name="首页")["rules"]), {"changed": False})
        self.assertIn("首页", [scene["name"] for scene in self.ask("scene.list")["scenes"]])
        pinned = "i001" if self.shop.items["i001"]["stock"] > 0 else None
        feed = self.ask("feed.get", user="u1", scene="首页", count=50, now=NOW, explain="full")
        if pinned:
            self.assertEqual(feed["items"][1]["id"], pinned)
        boosts = {reason.get("name") for item in feed["items"] for reason in item["reasons"] if reason["kind"] == "boost"}
        self.assertEqual(boosts, {"自有品牌"})
        self.assertNotIn("boost", {r["kind"] for item in self.ask("feed.get", user="u1", scene="首页", count=50, now=NOW, boost=[])["items"]
                                   for r in item["reasons"]})
        self.assertEqual(self.refused("feed.get", user="u1", scene="首夜").status, "not_found")
        for wrong in ({"pins": [{"item": "i001", "place": 0}]}, {"boost": [{"where": "bra = 1", "factor": 2}]},
                      {"quotas": [{"where": "true", "of": 3, "at_least": 4}]}, {"relax": ["seen", "seen"]},
                      {"boost": [{"where": "true"}]}, {"targets": [{"where": "true", "segment": "nobody"}]}, {"pinz": []}):
            self.refused("scene.put", name="wrong", rules=wrong)
        self.assertEqual(self.ask("scene.remove", name="首页"), {"removed": True})
        self.assertEqual(self.ask("scene.remove", name="首页"), {"removed": False})

    def test_stock_and_unlisting_hold_from_the_next_feed_on(self):
        feed = lambda: [item["id"] for item in self.ask("feed.get", user="u2", count=1000, now=NOW, seed=1, pins=[{"item": top, "place": 1}])["items"]]
        top = next(i for i, row in self.shop.items.items() if row["stock"] > 0 and not row["only"])
        self.assertEqual(feed()[0], top)
        self.ask("item.put", item={"id": top, "stock": 0})
        self.assertNotIn(top, feed())
        self.ask("item.put", item={"id": top, "stock": 5})
        self.assertEqual(feed()[0], top)
        self.ask("item.remove", id=top)
        self.assertNotIn(top, feed())
        self.assertEqual(self.ask("feed.explain", user="u2", item=top, now=NOW)["stage"], "catalogue")
        self.ask("item.put", item={"id": top, "stock": self.shop.items[top]["stock"]})

    def test_a_cursor_goes_on_after_a_restart_of_the_world(self):
        """A token of one server is good for another with the same shop: it says all."""
        first = self.clients[0].call("feed.get", user="u3", count=7, now=NOW, seed=5)
        rest = [client.call("feed.get", user="u3", count=7, now=NOW, cursor=first["cursor"]) for client in self.clients]
        self.assertEqual(len({tuple(item["id"] for item in page["items"]) for page in rest}), 1)
        self.assertFalse({item["id"] for item in first["items"]} & {item["id"] for item in rest[0]["items"]})
        for wrong in ("", "x", first["cursor"][:-1] + "!", first["cursor"][:-4], first["cursor"] + "AAAA"):
            self.assertEqual(self.refused("feed.get", user="u3", cursor=wrong).status, "argument")

    def test_explain_none_is_ids_and_scores(self):
        feed = self.ask("feed.get", user="u1", count=3, now=NOW, explain="none", fields=["brand"])
        self.assertEqual({frozenset(item) for item in feed["items"]}, {frozenset(("id", "score", "fields"))})
        told = self.ask("feed.get", user="u1", count=3, now=NOW, explain="full", fields=["brand"])
        self.assertEqual([(item["id"], item["score"]) for item in feed["items"]], [(item["id"], item["score"]) for item in told["items"]])
        self.refused("feed.get", user="u1", explain="much")

    # ---- People of whom little is known ----

    def sessions_of(self, feed):
        return {item["id"] for item in feed["items"] if "session" in item["sources"]}

    def test_a_visit_goes_on_after_login_and_is_forgotten_under_all_names(self):
        items = [i for i, row in self.shop.items.items() if row["stock"] > 0 and not row["only"] and not row["stores"]][:3]
        now = int(time.time() * 1000)
        for n, item in enumerate(items):  # somebody who came before leads the way
            self.ask("event.append", event={"type": "view", "user": "pioneer", "item": item, "time": now - 60_000 + n})
        for n, item in enumerate(items[:2]):
            self.ask("event.append", event={"type": "view", "user": "cookie-7", "item": item, "time": now - 50_000 + n})
        free = {"held": {kind: 0 for kind in KINDS}, "count": 100, "now": now, "seed": 1}
        anonymous = self.sessions_of(self.ask("feed.get", user="cookie-7", **free))
        self.assertIn(items[2], anonymous)
        self.assertEqual(self.sessions_of(self.ask("feed.get", user="王小明", **free)), set())
        self.assertTrue(self.ask("user.merge", **{"from": "cookie-7", "into": "王小明"})["merged"])
        self.assertEqual(self.sessions_of(self.ask("feed.get", user="王小明", **free)), anonymous)
        self.ask("event.append", event={"type": "view", "user": "王小明", "item": items[2], "time": now - 40_000})
        after = {"session": [items[1]], **free}
        score = lambda: {i["id"]: i["score"] for i in self.ask("feed.get", explain="full", scores={"affinity": 0, "popularity": 0,
                         "recency": 0, "pairs": 0, "walk": 0, "session": 1}, **after)["items"]}
        self.assertGreater(score()[items[2]], 0)
        self.ask("user.forget", ids=["pioneer"])
        self.assertGreater(score()[items[2]], 0)  # the other's visit says the same
        self.ask("user.forget", ids=["王小明"])
        self.assertEqual(score()[items[2]], 0)

    def test_cold_start(self):
        """Tags only, one click only, nothing at all; and an item with tags only."""
        self.ask("user.put", user={"id": "new-tags", "interests": ["mat"]})
        full = {"now": NOW, "seed": 1, "explain": "full", "count": 30}
        by_tags = self.ask("feed.get", user="new-tags", **full)
        self.assertIn("declared", by_tags["items"][0]["sources"])
        self.assertIn("mat", self.shop.items[by_tags["items"][0]["id"]]["tags"])
        nobody = self.ask("feed.get", user="who", **full)
        self.assertEqual(len(nobody["items"]), 30)
        self.assertEqual({s for item in nobody["items"] for s in item["sources"]} - {"popular", "new", "catalogue"}, set())
        clicked = next(i for i, row in self.shop.items.items() if row["stock"] > 0 and row["tags"])
        by_click = self.ask("feed.get", session=[clicked], **full)
        self.assertTrue({"session", "pairs"} & {s for item in by_click["items"] for s in item["sources"]})
        self.ask("item.put", item={"id": "brand-new", "stock": 3, "tags": ["mat"], "since": NOW})
        fresh = self.ask("feed.get", user="new-tags", **full)["items"]
        self.assertIn("brand-new", [item["id"] for item in fresh[:10]])
        self.ask("item.remove", id="brand-new")

    def test_read_your_writes_by_number(self):
        for client in self.clients:
            with self.assertRaises(RpcError) as caught:
                client.call("feed.get", user="u1", after={"client": "till-9", "number": 1})
            self.assertEqual(caught.exception.status, "busy")


CONTRIBUTIONS = set(
    "affinity popularity recency session pairs walk ials ease knn rp3 vector due trend ranker fatigue boost".split()
)


def sum_in_order(contributions):
    total = 0.0
    for value in contributions.values():
        total += value
    return total


if __name__ == "__main__":
    unittest.main()
