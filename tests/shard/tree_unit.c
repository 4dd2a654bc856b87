/* tree_unit.c -- stores in groups and regions as scope of audiences, with one, two and three shards. */
#include <stdio.h>

#include "shard_trio.h"

#define STORES                                                                                                                       \
    "{name: '门店', nodes: [{name: '华东'}, {name: '华北'}, {name: '上海', parent: '华东'}, {name: '杭州', parent: "     \
    "'华东'}, {name: '上海一店', parent: '上海'}, {name: '上海二店', parent: '上海'}, {name: '杭州一店', parent: " \
    "'杭州'}, {name: '北京一店', parent: '华北'}, {name: '未开业', parent: '华北'}]}"

static void make_shop(struct trio *made) {
    struct trio trio;
    trio_init(&trio);
    SAY("schema.put",
        "{users: {attributes: [{name: 'store', type: 'string'}, {name: 'level', type: 'enum', labels: ['上海二店', "
        "'上海一店', 'other']}, {name: 'age', type: 'int'}], tag_sets: [{name: 'tags'}]},"
        " items: {attributes: [{name: 'store', type: 'string'}]},"
        " events: [{name: 'purchase', properties: [{name: 'store', type: 'string'}]}]}",
        "{changed: true}");
    SAY("user.put",
        "{users: [{id: 'a', store: '上海一店', level: '上海一店'}, {id: 'b', store: '上海二店', level: 'other'},"
        " {id: 'c', store: '杭州一店', level: '上海二店'}, {id: 'd', store: '北京一店'}, {id: 'e'}, {id: 'f', store: "
        "'elsewhere'}, {id: 'g', store: '华东'}]}",
        "{accepted: 7, created: 7, refused: []}");
    SAY("item.put", "{items: [{id: '上海一店', store: '上海一店'}, {id: 'x', store: '北京一店'}]}",
        "{accepted: 2, created: 2, refused: []}");
    SAY("event.append",
        "{events: [{type: 'purchase', user: 'a', time: 1759999999000, item: '上海一店', store: '北京一店'},"
        " {type: 'purchase', user: 'a', time: 1759999999500, item: 'x', store: '上海一店'},"
        " {type: 'purchase', user: 'd', time: 1759999999000, item: 'x', store: '杭州一店'},"
        " {type: 'purchase', user: 'e', time: 1700000000000, item: 'x', store: '杭州一店'}]}",
        "{accepted: 4, duplicates: 0, refused: []}");
    *made = trio;
}

#define WHO(where, answer) SAY("audience.list", "{where: \"" where "\", order: 'id'}", answer)
#define NO(where, answer)  SAY_BEGIN("audience.count", "{where: \"" where "\"}", answer)

Test(tree, a_region_is_all_stores_below_it_and_nobody_is_counted_twice) {
    struct trio trio;
    make_shop(&trio);
    SAY("tree.put", STORES, "{changed: true, names: 9, depth: 3}");
    SAY("tree.put", STORES, "{changed: false, names: 9, depth: 3}");
    WHO("store under '华东'", "{count: 4, ids: ['a', 'b', 'c', 'g']}");
    WHO("store under '上海'", "{count: 2, ids: ['a', 'b']}");
    WHO("store under '上海一店'", "{count: 1, ids: ['a']}");
    WHO("store under '未开业'", "{count: 0, ids: []}");
    WHO("store not under '华东'", "{count: 2, ids: ['d', 'f']}");
    WHO("not store under '华东'", "{count: 3, ids: ['d', 'e', 'f']}");
    WHO("store under '华东' or store under '上海'", "{count: 4, ids: ['a', 'b', 'c', 'g']}");
    WHO("level under '上海'", "{count: 2, ids: ['a', 'c']}");
    WHO("did(purchase where store under '华东', last 30 days)", "{count: 2, ids: ['a', 'd']}");
    WHO("did(purchase where item.store under '华东')", "{count: 1, ids: ['a']}");
    WHO("did(purchase where item.id under '上海')", "{count: 1, ids: ['a']}");
    WHO("last(purchase.store) under '华东'", "{count: 3, ids: ['a', 'd', 'e']}");
    WHO("first(purchase.store) under '华东'", "{count: 2, ids: ['d', 'e']}");
    WHO("count(purchase where store under '华北') = 1", "{count: 1, ids: ['a']}");
    SAY("audience.list", "{where: ['not_under', 'store', '华东'], order: 'id'}", "{count: 2, ids: ['d', 'f']}");
    trio_deinit(&trio);
}

Test(tree, an_audience_keeps_the_name_and_follows_the_tree) {
    struct trio trio;
    make_shop(&trio);
    SAY("tree.put", STORES, "{changed: true, names: 9, depth: 3}");
    SAY("segment.put", "{name: 'east', where: \"store UNDER '华东'\"}", "{version: 1, changed: true}");
    SAY("rule.put", "{name: 'r', on: \"purchase where store under '华东'\", tag_set: 'tags', tag: 'east'}",
        "{changed: true}");
    SAY("score.put", "{name: 'near', points: [{when: \"store under '华东'\", points: 5}]}", "{changed: true}");
    SAY("segment.list", "{}",
        "{total: 7, segments: [{name: 'east', version: 1, where: 'store under \\'华东\\'', changed_at: 1760000000000,"
        " count: 4, counted_at: 1760000000000}]}");
    SAY("segment.of_user", "{user: 'd'}", "{segments: []}");
    WHO("score.near = 5", "{count: 4, ids: ['a', 'b', 'c', 'g']}");
    SAY("event.append", "{event: {type: 'purchase', user: 'b', time: 1760000000000, store: '北京一店'}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    WHO("tags has 'east'", "{count: 0, ids: []}");
    /* 北京一店 goes to 华东, and what was bound and counted follows. */
    SAY("tree.put",
        "{name: '门店', nodes: [{name: '北京一店', parent: '华东'}, {name: '华东'}, {name: '上海一店', parent: "
        "'华东'}]}",
        "{changed: true, names: 3, depth: 2}");
    SAY("segment.list", "{}",
        "{total: 7, segments: [{name: 'east', version: 1, where: 'store under \\'华东\\'', changed_at: 1760000000000,"
        " count: 3, counted_at: 1760000000000}]}");
    SAY("segment.of_user", "{user: 'd'}", "{segments: ['east']}");
    WHO("in_segment('east')", "{count: 3, ids: ['a', 'd', 'g']}");
    WHO("score.near = 5", "{count: 3, ids: ['a', 'd', 'g']}");
    SAY("event.append", "{event: {type: 'purchase', user: 'c', time: 1760000000000, store: '北京一店'}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    WHO("tags has 'east'", "{count: 1, ids: ['c']}");
    /* Texts that come later are in the tree too. */
    SAY("user.put", "{user: {id: 'h', store: '上海一店'}}", OK_PUT);
    WHO("in_segment('east')", "{count: 4, ids: ['a', 'd', 'g', 'h']}");
    trio_deinit(&trio);
}

Test(tree, what_is_in_use_stays) {
    struct trio trio;
    make_shop(&trio);
    SAY("tree.put", STORES, "{changed: true, names: 9, depth: 3}");
    SAY("segment.put", "{name: 'east', where: \"store under '华东'\"}", "{version: 1, changed: true}");
    SAY_BEGIN("tree.remove", "{name: '门店'}",
              "305 conflict: the segment 'east' would not be right any more: nothing stands under '华东': there are no "
              "trees here");
    SAY_BEGIN("tree.put", "{name: '门店', nodes: [{name: '华南'}]}",
              "305 conflict: the segment 'east' would not be right any more: the tree '门店' has no '华东'");
    SAY_BEGIN(
        "tree.put", "{name: 'areas', nodes: [{name: 'n'}]}",
        "305 conflict: the segment 'east' would not be right any more: there are 2 trees, and none of them is said "
        "to be of `store`");
    WHO("in_segment('east')", "{count: 4, ids: ['a', 'b', 'c', 'g']}");
    SAY("segment.remove", "{name: 'east'}", "{removed: true}");
    SAY("tree.remove", "{name: '门店'}", "{removed: true}");
    SAY("tree.remove", "{name: '门店'}", "{removed: false}");
    NO("store under '华东'",
       "303 name at 12: nothing stands under '华东': there are no trees here (tree.put saves one)");
    trio_deinit(&trio);
}

Test(tree, the_tree_that_names_an_attribute_is_meant) {
    struct trio trio;
    make_shop(&trio);
    SAY("tree.put", "{name: 'b', of: ['store', 'level'], nodes: [{name: '上海一店', parent: 'x'}, {name: 'x'}]}",
        "{changed: true, names: 2, depth: 2}");
    SAY("tree.put", "{name: 'a', of: 'id', nodes: [{name: 'x'}, {name: 'a', parent: 'x'}, {name: 'g', parent: 'a'}]}",
        "{changed: true, names: 3, depth: 3}");
    WHO("store under 'x'", "{count: 1, ids: ['a']}");
    WHO("level under 'x'", "{count: 1, ids: ['a']}");
    WHO("id under 'x'", "{count: 2, ids: ['a', 'g']}");
    SAY("schema.put", "{users: {attributes: [{name: 'home', type: 'string'}]}}", "{changed: true}");
    NO("home under 'x'",
       "303 name at 11: there are 2 trees, and none of them is said to be of `home` (put the one that "
       "is meant with of: ['home'])");
    SAY("tree.list", "{}",
        "{trees: [{name: 'a', of: ['id'], changed_at: 1760000000000, names: 3, depth: 3},"
        " {name: 'b', of: ['store', 'level'], changed_at: 1760000000000, names: 2, depth: 2}]}");
    SAY("tree.get", "{name: 'a'}",
        "{name: 'a', of: ['id'], changed_at: 1760000000000, nodes: [{name: 'x'}, {name: 'a', parent: 'x'},"
        " {name: 'g', parent: 'a'}]}");
    SAY_BEGIN("tree.get", "{name: 'B'}", "304 not_found: there is no tree 'B'");
    SAY_BEGIN("tree.put", "{name: 'c', of: 'store', nodes: []}", "305 conflict: the tree 'b' is of `store` already");
    trio_deinit(&trio);
}

Test(tree, faults_are_told_with_names) {
    struct trio trio;
    make_shop(&trio);
#define PUT(nodes, answer) SAY_BEGIN("tree.put", "{name: 't', nodes: [" nodes "]}", answer)
    PUT("{name: 'a', parent: 'b'}, {name: 'b', parent: 'c'}, {name: 'c', parent: 'a'}, {name: 'd'}, {name: 'e', "
        "parent: 'a'}",
        "305 conflict: the tree goes in a circle: 'a' below 'b' below 'c' below 'a'");
    PUT("{name: 'a', parent: 'a'}", "305 conflict: the tree goes in a circle: 'a' below 'a'");
    PUT("{name: '上海', parent: '华冻'}, {name: '华东'}",
        "300 argument: '上海' is to stand below '华冻', which is not in the tree");
    PUT("{name: 'a'}, {name: 'b'}, {name: 'a', parent: 'b'}",
        "300 argument: 'a' stands twice in the tree: at the top and below 'b'");
    PUT("{name: 'a'}, {name: 'a'}", "300 argument: 'a' stands twice in the tree");
    PUT("{name: ''}", "300 argument: a name in a tree is 1 to 255 bytes of UTF-8; number 1 is not");
    PUT("{parent: 'a'}", "300 argument: ");
    PUT("{name: 'a', up: 'a'}", "300 argument: ");
    PUT("{name: 'a'}, {name: 'b', parent: 'a'}, {name: 'c', parent: 'b'}, {name: 'd', parent: 'c'}, {name: 'e', "
        "parent: 'd'}, {name: 'f', parent: 'e'}, {name: 'g', parent: 'f'}, {name: 'h', parent: 'g'}, {name: 'i', "
        "parent: 'h'}, {name: 'j', parent: 'i'}, {name: 'k', parent: 'j'}, {name: 'l', parent: 'k'}, {name: 'm', "
        "parent: 'l'}, {name: 'n', parent: 'm'}, {name: 'o', parent: 'n'}, {name: 'p', parent: 'o'}, {name: 'q', "
        "parent: 'p'}",
        "402 limit: 'q' stands deeper than 16 levels");
    SAY("tree.list", "{}", "{trees: []}");
    SAY("tree.put", STORES, "{changed: true, names: 9, depth: 3}");
    NO("store under '上海三店'", "303 name at 12: the tree '门店' has no '上海三店'");
    NO("age under '上海'", "302 type at 0: age is an int: under does not fit it");
    NO("tags under '上海'", "302 type at 0: tags is a tag set: it is asked with `has`");
    NO("store under 5", "302 type at 12: store is a string and cannot be compared with a number");
    NO("store under ('上海')", "301 syntax at 12: ");
    trio_deinit(&trio);
}
