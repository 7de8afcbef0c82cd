begin;
select plan(3);
select is_empty($$ select * from gendurable._moved(1) $$, 'nothing has left');
insert into gendurable.moved (move, partition, relation, content)
select case when n < 4 then 'a0000000-0000-0000-0000-000000000000'
    else 'b0000000-0000-0000-0000-000000000000' end::uuid, 1, 'signals', to_jsonb(n) from generate_series(1, 5) as n;
select is((select entries::text from gendurable._moved(1, 2)),
    '[{"content": 1, "relation": "signals"}, {"content": 2, "relation": "signals"}]', 'so many, in their order');
delete from gendurable.moved where content::int < 3;
select is((select jsonb_array_length(entries) from gendurable._moved(1, 2)), 1, 'of one move');
select finish();
rollback;
