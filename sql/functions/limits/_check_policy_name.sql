-- Refuses what cannot be the name of a policy: policy is looked up by the part of a key before
-- its first colon.
--
-- Errors: GD001, GD002.
create function gendurable._check_policy_name(p_name text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._check_name('name', p_name);
    if p_name like '%:%' then
        perform gendurable._refuse(
            'GD002', format('name is %s', p_name),
            'Limits are set by name, the part of a key before its first colon.');
    end if;
end
$$;
comment on function gendurable._check_policy_name(text)
    is 'Refuses what cannot be the name of a policy.';
