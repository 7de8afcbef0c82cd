-- Creation of instances from entries; keys and duplicates are tested with gd_enqueue_many.
begin;
select plan(7);

create temp table made as
select e.* from gendurable._enqueue(
    gendurable._parse_entries(
        '[{"fsm": "a"}, {"fsm": "b", "delay": "1 hour"}, {"fsm": "c", "correlation_key": "k"}, {"fsm": "d", '
        '"correlation_key": "k"}]',
                                                             'q', 11, '{42,42,42,42}', '{3,3,3,3}', '{1,2,3,4}')) as e;
select results_eq('select ord, duplicate from made', $$ values (11, false), (12, false), (13, false), (14, true) $$,
    'an answer for each entry, in order, under its own number');
select results_eq('select fsm, phase::text, queue, parent_id, parent_round, ord from gendurable.instances order by id',
    $$ values ('a', 'ready', 'q', 42::bigint, 3, 1), ('b', 'scheduled', 'q', 42, 3, 2), ('c', 'ready', 'q', 42, 3, 3)
    $$,
    'an instance for each entry but the duplicates, with its parent and its place among the siblings');
select is((select id from made where ord = 14), (select instance_id from gendurable.correlation_keys where key = 'k'),
    'a duplicate answers the occupant');
select is_empty('select * from gendurable._enqueue(null)', 'no entries, nothing made');
select e.id as single from gendurable._enqueue(gendurable._parse_entries('[{"fsm": "e"}]')) as e \gset
select is((select ord from gendurable.instances where id = :single), null,
    'without a parent there is no place among siblings');

select gd_register('w', info => '{"machines": [{"fsm": "e", "version": 7}, {"fsm": "f", "version": -1}]}') \g /dev/null
create temp table versioned as
select e.* from gendurable._enqueue(
    gendurable._parse_entries(
        '[{"fsm": "e"}, {"fsm": "e", "fsm_version": 2}, {"fsm": "f"}, {"fsm": "g"}, {"fsm": "e"}]')) as e;
select results_eq('select i.fsm, i.fsm_version from versioned as v join gendurable.instances as i on i.id = v.id order '
    'by v.ord', $$ values ('e', 7), ('e', 2), ('f', -1), ('g', 1), ('e', 7) $$,
    'an entry without a version has the newest of its machine');
create temp table keyed as
select e.* from gendurable._enqueue(
    gendurable._parse_entries(
        '[{"fsm": "e", "correlation_key": "v"}, {"fsm": "e", "correlation_key": "v"}, {"fsm": "f"}]')) as e;
select results_eq('select i.fsm_version from keyed as v join gendurable.instances as i on i.id = v.id order by v.ord',
    'values (7), (7), (-1)', 'one with a correlation key too');

select * from finish();
rollback;
