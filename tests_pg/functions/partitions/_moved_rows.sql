begin;
select plan(1);
select results_eq($$ select content::text
    from gendurable._moved_rows(
        '[{"relation": "a", "content": 2}, {"relation": "b", "content": 1}, {"relation": "a", "content": 1}]', 'a') $$,
    $$ values ('2'), ('1') $$, 'those of one table, in their order');
select finish();
rollback;
